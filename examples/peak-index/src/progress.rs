use burn::train::{
    logger::{EvaluationProgressLogger, TrainingProgressLogger},
    metric::MetricDefinition,
    renderer::{
        EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
        MetricsRendererTraining,
    },
};
use indicatif::{ProgressBar, ProgressStyle};

/// The learner's progress as one bar on standard error, for the epoch's split under way.
pub struct Progress {
    label: &'static str,
    epoch: usize,
    epochs: usize,
    bar: ProgressBar,
}

impl Progress {
    pub fn new(label: &'static str) -> Self {
        Self {
            label,
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
        self.epoch = epoch + 1;
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }

    fn log_event_training(&mut self, event: String) {
        self.bar.println(event);
    }
}

// The metrics print their own line an epoch, and the test set is not evaluated by the learner.
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
