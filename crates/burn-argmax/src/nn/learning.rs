use crate::functions::ensure;

/// How a beta is learnt.
pub(super) struct Learning {
    pub(super) learnable: bool,
    pub(super) channels: Option<usize>,
    pub(super) max_beta: Option<f64>,
}

impl Learning {
    /// Refuses what cannot be learnt, of this beta or where there is none, and says `why` there is none.
    pub(super) fn validate(
        &self,
        module: &str,
        beta: Option<f64>,
        why: &str,
    ) -> Result<(), String> {
        let &Self {
            learnable,
            channels,
            max_beta: max,
        } = self;
        match beta {
            Some(beta) => ensure(
                beta.is_finite() && beta >= 0.0 && (beta > 0.0 || !learnable),
                || {
                    format!(
                        "{module}: beta must be finite and >= 0, and > 0 to be learnt, got {beta}"
                    )
                },
            )?,
            None => ensure(!learnable, || {
                format!("{module}: learnable must be false with {why}, got true")
            })?,
        }
        ensure(learnable || channels.is_none() && max.is_none(), || {
            format!(
                "{module}: channels and max_beta must be None unless learnable (with_learnable(true)), got {channels:?} and {max:?}"
            )
        })?;
        ensure(channels != Some(0), || {
            format!("{module}: channels must be at least 1, got 0")
        })?;
        if let (Some(beta), Some(max)) = (beta, max) {
            ensure(max >= beta && max.is_finite(), || {
                format!(
                    "{module}: max_beta must be finite and at least the beta to start from, {beta}, got Some({max:?})"
                )
            })?;
        }
        Ok(())
    }
}
