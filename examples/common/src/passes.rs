use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use burn::{
    data::dataloader::{DataLoader, DataLoaderIterator},
    tensor::Device,
};

/// Passes over a part of the data, each of which depends on the seed and on its number alone: a run that goes on
/// from a checkpoint sees what it would have seen without the interruption.
pub struct Passes<O> {
    loader: Arc<dyn DataLoader<O>>,
    device: Device,
    seed: u64,
    /// Where the share of this device begins among the items.
    start: usize,
    /// Passes that were made before this run.
    made: usize,
    pass: AtomicUsize,
}

impl<O> Passes<O> {
    pub fn new(loader: Arc<dyn DataLoader<O>>, device: &Device, seed: u64, made: usize) -> Self {
        Self {
            loader,
            device: device.clone(),
            seed,
            start: 0,
            made,
            pass: AtomicUsize::new(made),
        }
    }

    fn over(&self, loader: Arc<dyn DataLoader<O>>, device: &Device, start: usize) -> Self {
        Self {
            start: self.start + start,
            ..Self::new(loader, device, self.seed, self.made)
        }
    }
}

impl<O: Send + 'static> DataLoader<O> for Passes<O> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<O> + 'a> {
        let pass = self.pass.fetch_add(1, Ordering::Relaxed);
        if pass == self.made {
            // Each order follows from the one before it.
            for _ in 0..self.made {
                drop(self.loader.iter());
            }
        }
        // What the network draws, too, on each device for itself.
        let pass = (pass as u64 + 1) << 32;
        self.device
            .seed(self.seed.wrapping_add(pass + self.start as u64));
        self.loader.iter()
    }

    fn num_items(&self) -> usize {
        self.loader.num_items()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<O>> {
        Arc::new(self.over(self.loader.to_device(device), device, 0))
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<O>> {
        Arc::new(self.over(self.loader.slice(start, end), &self.device, start))
    }
}
