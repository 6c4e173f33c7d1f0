use std::sync::{Arc, Mutex};

use burn::{
    tensor::{Tensor, TensorReadError},
    train::{
        Interrupter,
        metric::{
            Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes,
            NumericEntry, SerializedEntry,
            state::{FormatOptions, NumericMetricState},
        },
    },
};

/// Why a run whose loss is no number stops.
pub const NOT_FINITE: &str = "the loss is not a finite number";

/// The mean of every epoch so far.
pub type Curve = Arc<Mutex<Vec<f64>>>;

/// The mean of numbers, recorded for every epoch. Stops the run when it is not finite.
#[derive(Clone)]
pub struct Recorded {
    name: &'static str,
    unit: &'static str,
    state: NumericMetricState,
    curve: Curve,
    interrupter: Interrupter,
}

/// The numbers of a batch, one a row.
pub struct Numbers(pub Tensor<2>);

impl Recorded {
    pub fn new(
        name: &'static str,
        unit: &'static str,
        curve: &Curve,
        interrupter: &Interrupter,
    ) -> Self {
        Self {
            name,
            unit,
            state: NumericMetricState::default(),
            curve: curve.clone(),
            interrupter: interrupter.clone(),
        }
    }

    fn format(&self) -> FormatOptions {
        FormatOptions::new(self.name()).unit(self.unit).precision(3)
    }
}

impl Metric for Recorded {
    type Input = Numbers;

    fn name(&self) -> MetricName {
        Arc::new(self.name.to_string())
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes {
            unit: Some(self.unit.to_string()),
            higher_is_better: false,
        }
        .into()
    }

    fn update(
        &mut self,
        Numbers(numbers): &Self::Input,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let mean = numbers.clone().mean().try_into_scalar::<f64>()?;
        if !mean.is_finite() {
            self.interrupter.stop(Some(NOT_FINITE));
        }
        self.state.update(mean, numbers.dims()[0]);
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

impl Numeric for Recorded {
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
