use burn_argmax_sources::{Kernel, Source, Target};
use naga::{
    front::wgsl,
    valid::{Capabilities, ValidationFlags, Validator},
};
use rayon::prelude::*;

use crate::{none, sources_for};

fn error((kernel, Source { text, .. }): (&Kernel, &Source)) -> Option<String> {
    let error = match wgsl::parse_str(text) {
        Ok(module) => {
            // Beyond what every device has, halves alone.
            let capabilities = Capabilities::SHADER_FLOAT16;
            let mut validator = Validator::new(ValidationFlags::all(), capabilities);
            validator.validate(&module).err()?.emit_to_string(text)
        }
        Err(error) => error.emit_to_string(text),
    };
    Some(format!("{kernel}: {error}"))
}

#[test]
fn naga_takes_them() {
    none(sources_for(Target::Wgsl).filter_map(error));
}
