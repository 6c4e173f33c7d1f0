use burn::train::{
    logger::{EvaluationProgressLogger, TrainingProgressLogger},
    metric::MetricDefinition,
    renderer::{
        EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
        MetricsRendererTraining,
    },
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{Measure, metric::EpochMean, output};

/// The learner's progress: on a terminal a bar for the split under way, and a line an epoch.
pub struct Progress {
    label: &'static str,
    measure: Measure,
    /// Those of training and validation.
    means: [EpochMean; 2],
    epoch: usize,
    epochs: usize,
    bar: ProgressBar,
}

impl Progress {
    pub fn new(label: &'static str, measure: Measure, means: &[EpochMean; 2]) -> Self {
        Self {
            label,
            measure,
            means: means.clone(),
            epoch: 1,
            epochs: 0,
            bar: ProgressBar::hidden(),
        }
    }
}

impl TrainingProgressLogger for Progress {
    fn start(&mut self, epochs: usize, first: usize, _items: Option<usize>, _label: Option<&str>) {
        self.epochs = epochs;
        self.epoch = first;
    }

    fn start_split(&mut self, split: &str, items: usize) {
        let style = ProgressStyle::with_template("{msg} {bar:32} {pos}/{len} {eta}")
            .expect("a constant template");
        let label = format!("{} {}/{} {split}", self.label, self.epoch, self.epochs);
        self.bar = ProgressBar::new(items as u64)
            .with_style(style)
            .with_message(label);
    }

    fn update_split(&mut self, items: usize) {
        self.bar.set_position(items as u64);
    }

    fn end_split(&mut self) {
        self.bar.finish_and_clear();
    }

    fn update_epoch(&mut self, epoch: usize) {
        let [train, valid] = self
            .means
            .each_ref()
            .map(|mean| *mean.lock().expect("no holder panics"));
        // A panic here would leave the program waiting for its learner. Who no longer reads is told at the end.
        _ = output::say(format_args!(
            "{} epoch {epoch}/{}: {} {train:.3} train, {valid:.3} valid",
            self.label, self.epochs, self.measure.phrase
        ));
        self.epoch = epoch + 1;
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }

    // The learner logs an event for every step.
    fn log_event_training(&mut self, _event: String) {}
}

// The line an epoch has the metric, and the test part is not evaluated by the learner.
impl MetricsRendererTraining for Progress {
    fn update_train(&mut self, _state: MetricState) {}
    fn update_valid(&mut self, _state: MetricState) {}
}

impl EvaluationProgressLogger for Progress {
    fn start_global_progress(&mut self, _tests: usize) {}
    fn start_test(&mut self, _name: &str, _items: usize) {}
    fn update_test_progress(&mut self, _items: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _event: String) {}
}

impl MetricsRendererEvaluation for Progress {
    fn update_test(&mut self, _name: EvaluationName, _state: MetricState) {}
}

impl MetricsRenderer for Progress {
    fn manual_close(&mut self) {}
    fn register_metric(&mut self, _definition: MetricDefinition) {}
}
