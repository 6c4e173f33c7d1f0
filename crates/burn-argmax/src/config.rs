//! Configurations, where Burn's derive makes none: it demands every field of the JSON, and refuses no value.

/// Reads a type as what is stored of it, a private mirror by serde's `remote`, and refuses what is not valid.
macro_rules! deserialize {
    ($type:ident, $stored:ident, $read:ident => $valid:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let $read = $stored::deserialize(deserializer)?;
                $valid.map_err(serde::de::Error::custom)?;
                Ok($read)
            }
        }
    };
}

/// A configuration that is built, saved, loaded and shown as those of Burn are.
macro_rules! config {
    ($type:ident { $($with:ident $field:ident: $field_type:ty,)* }) => {
        impl $type {
            $(
                #[doc = concat!("Sets the value for the field [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                pub fn $with(mut self, $field: $field_type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }

        impl burn_core::config::Config for $type {}

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&burn_core::config::config_to_json(self))
            }
        }
    };
}

pub(crate) use {config, deserialize};
