use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::{module::Module, train::LearningResult};

use crate::metric::NOT_FINITE;

/// The model that a run has learnt, for inference, saved in its directory; or why there is none.
pub fn learned<M: Module>(result: LearningResult<M>, directory: &Path) -> Result<M> {
    if let Some(error) = result.error {
        bail!("training stopped: {error}");
    }
    if let Some(interruption) = result.interrupted {
        let reason = interruption.reason.unwrap_or_default();
        if reason == NOT_FINITE {
            bail!("training stopped: {reason}; no model was saved");
        }
        bail!(
            "interrupted by {reason}; the checkpoints so far are in {}",
            directory.join("checkpoint").display()
        );
    }
    let model = result.model.valid();
    model
        .clone()
        .save_file(directory.join("model"))
        .with_context(|| format!("cannot save the model in {}", directory.display()))?;
    Ok(model)
}
