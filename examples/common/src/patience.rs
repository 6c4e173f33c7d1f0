use burn::train::{
    EarlyStoppingStrategy,
    metric::store::{Aggregate, Direction, EventStoreClient, Split},
};

/// Stops once so many epochs are not better than the best before them. It asks the metric files each time, where
/// burn-train's strategy remembers: so an interruption makes no difference.
#[derive(Clone)]
pub struct Patience {
    /// Name of a metric; small is good.
    pub metric: &'static str,
    pub epochs: usize,
}

impl EarlyStoppingStrategy for Patience {
    fn should_stop(&mut self, epoch: usize, store: &EventStoreClient) -> bool {
        store
            .find_epoch(
                self.metric,
                Aggregate::Mean,
                Direction::Lowest,
                &Split::Valid,
            )
            .is_some_and(|best| epoch >= best + self.epochs)
    }
}
