use std::sync::{Arc, Mutex};

use burn::{
    tensor::{Tensor, TensorReadError},
    train::{
        Interrupter, RegressionOutput,
        metric::{
            Adaptor, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric,
            NumericAttributes, NumericEntry, SerializedEntry,
            state::{FormatOptions, NumericMetricState},
        },
    },
};

/// Why a run whose loss is no number stops.
pub const NOT_FINITE: &str = "the loss is not a finite number";

/// The mean absolute error of every epoch so far, in samples.
pub type Curve = Arc<Mutex<Vec<f64>>>;

/// The mean absolute error of the predicted index, in samples. Stops the run when it is not finite.
#[derive(Clone)]
pub struct IndexError {
    state: NumericMetricState,
    curve: Curve,
    interrupter: Interrupter,
}

/// The absolute errors of a batch.
pub struct IndexErrorInput(Tensor<2>);

impl Adaptor<IndexErrorInput> for RegressionOutput {
    fn adapt(&self) -> IndexErrorInput {
        IndexErrorInput((self.output.clone() - self.targets.clone()).abs())
    }
}

impl IndexError {
    pub fn new(curve: &Curve, interrupter: &Interrupter) -> Self {
        Self {
            state: NumericMetricState::default(),
            curve: curve.clone(),
            interrupter: interrupter.clone(),
        }
    }

    fn format(&self) -> FormatOptions {
        FormatOptions::new(self.name()).unit("samples").precision(3)
    }
}

impl Metric for IndexError {
    type Input = IndexErrorInput;

    fn name(&self) -> MetricName {
        Arc::new("Index error".to_string())
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes {
            unit: Some("samples".to_string()),
            higher_is_better: false,
        }
        .into()
    }

    fn update(
        &mut self,
        IndexErrorInput(errors): &Self::Input,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let mean = errors.clone().mean().try_into_scalar::<f64>()?;
        if !mean.is_finite() {
            self.interrupter.stop(Some(NOT_FINITE));
        }
        self.state.update(mean, errors.dims()[0]);
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        let mean = self.state.final_value().current();
        self.curve.lock().expect("no holder panics").push(mean);
        Ok(self.state.compute_final(self.format()))
    }

    fn clear(&mut self) {
        self.state.reset();
    }
}

impl Numeric for IndexError {
    fn value(&self) -> Option<NumericEntry> {
        Some(self.state.current_value())
    }

    fn running_value(&self) -> Option<NumericEntry> {
        Some(self.state.running_value())
    }

    fn final_value(&self) -> NumericEntry {
        self.state.final_value()
    }
}
