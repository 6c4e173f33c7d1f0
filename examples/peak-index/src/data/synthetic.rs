use rand::{RngExt, rngs::StdRng};
use rand_distr::{Distribution, Normal};

use super::{Split, WINDOW, Window};

/// One sharp peak at a sub-sample position, on a drifting baseline, among broad distractor bumps
/// that are often taller, in white noise.
pub struct SyntheticTraces;

impl SyntheticTraces {
    pub const fn len(split: Split) -> usize {
        match split {
            Split::Train => 2048,
            Split::Valid => 256,
            Split::Test => 1024,
        }
    }

    pub fn window(&self, rng: &mut StdRng) -> Window {
        let peak = rng.random_range(16.0..(WINDOW - 17) as f64);
        let width = rng.random_range(1.5..2.5);
        let mut trace: Vec<f64> = (0..WINDOW).map(|i| bump(i, peak, width)).collect();

        for _ in 0..rng.random_range(1..4) {
            let (centre, width) = (
                rng.random_range(0.0..WINDOW as f64),
                rng.random_range(8.0..20.0),
            );
            let height = rng.random_range(0.3..1.2);
            add(&mut trace, |i| height * bump(i, centre, width));
        }

        let (slope, sway, phase) = (
            rng.random_range(-0.4..0.4),
            rng.random_range(0.0..0.3),
            rng.random_range(0.0..std::f64::consts::TAU),
        );
        add(&mut trace, |i| {
            let time = i as f64 / WINDOW as f64;
            slope * time + sway * (std::f64::consts::TAU * time + phase).sin()
        });

        let noise = Normal::new(0.0, 0.08).expect("a positive deviation");
        Window {
            trace: trace
                .into_iter()
                .map(|value| (value + noise.sample(rng)) as f32)
                .collect(),
            peak: peak as f32,
            start: 0,
        }
    }
}

fn bump(index: usize, centre: f64, width: f64) -> f64 {
    (-0.5 * ((index as f64 - centre) / width).powi(2)).exp()
}

fn add(trace: &mut [f64], value: impl Fn(usize) -> f64) {
    for (index, sample) in trace.iter_mut().enumerate() {
        *sample += value(index);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_seed_gives_one_trace() {
        let draw = |seed| SyntheticTraces.window(&mut StdRng::seed_from_u64(seed));
        assert_eq!(draw(1).trace, draw(1).trace);
        assert_ne!(draw(1).trace, draw(2).trace);
        assert_eq!(draw(1).trace.len(), WINDOW);
    }
}
