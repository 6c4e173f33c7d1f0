use std::sync::{Arc, Mutex};

use burn::{
    tensor::{Tensor, TensorReadError},
    train::{
        Interrupter, ItemLazy,
        metric::{
            Adaptor, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric,
            NumericAttributes, NumericEntry, SerializedEntry,
            state::{FormatOptions, NumericMetricState},
        },
    },
};
use burn_std::ExecutionError;

use crate::Measure;

/// Why a run whose loss is no number stops.
pub const NOT_FINITE: &str = "the loss is not a finite number";

/// The mean of the last epoch.
pub type EpochMean = Arc<Mutex<f64>>;

/// The mean of a measure. Stops the run when it is not finite.
#[derive(Clone)]
pub struct MeanMetric {
    measure: Measure,
    state: NumericMetricState,
    last: EpochMean,
    interrupter: Interrupter,
}

/// The measures of a batch: what a step of training or validation gives to the metrics.
#[derive(Clone)]
pub struct Measured(pub Tensor<1>);

impl ItemLazy for Measured {
    fn sync(self) -> Result<Self, ExecutionError> {
        self.0.device().flush()?;
        Ok(Self(self.0.without_autodiff()))
    }
}

impl Adaptor<Measured> for Measured {
    fn adapt(&self) -> Measured {
        self.clone()
    }
}

impl MeanMetric {
    pub fn new(measure: Measure, last: &EpochMean, interrupter: &Interrupter) -> Self {
        Self {
            measure,
            state: NumericMetricState::default(),
            last: last.clone(),
            interrupter: interrupter.clone(),
        }
    }

    fn format(&self) -> FormatOptions {
        FormatOptions::new(self.name())
            .unit(self.measure.unit)
            .precision(3)
    }
}

impl Metric for MeanMetric {
    type Input = Measured;

    fn name(&self) -> MetricName {
        Arc::new(self.measure.name.to_string())
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes {
            unit: Some(self.measure.unit.to_string()),
            higher_is_better: false,
        }
        .into()
    }

    fn update(
        &mut self,
        Measured(measures): &Self::Input,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let mean = measures.clone().mean().try_into_scalar::<f64>()?;
        if !mean.is_finite() {
            self.interrupter.stop(Some(NOT_FINITE));
        }
        self.state.update(mean, measures.dims()[0]);
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        *self.last.lock().expect("no holder panics") = self.state.final_value().current();
        Ok(self.state.compute_final(self.format()))
    }

    fn clear(&mut self) {
        self.state.reset();
    }
}

impl Numeric for MeanMetric {
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
