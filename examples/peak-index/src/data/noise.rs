use rand::{RngExt, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};

/// Electrode noise: white muscle noise, a wandering baseline and one motion bump of either sign.
///
/// The noise stress test of the MIT-BIH database adds recordings of the three; here they are drawn,
/// with a third of the noise power each.
pub struct Noise {
    /// Noise power over signal power.
    ratio: f64,
}

impl Noise {
    /// Noise at a signal-to-noise ratio in decibels: the lower, the louder.
    pub fn at_decibels(decibels: f64) -> Self {
        Self {
            ratio: 10f64.powf(-decibels / 10.0),
        }
    }

    /// Adds noise whose power is a multiple of the trace's own variance.
    pub fn add_to(&self, trace: &mut [f32], rng: &mut StdRng) {
        let n = trace.len();
        let power = self.ratio * variance(trace) / 3.0;

        let muscle: Vec<f64> = (0..n).map(|_| StandardNormal.sample(rng)).collect();

        let cycles = rng.random_range(0.3..1.5);
        let phase = rng.random_range(0.0..std::f64::consts::TAU);
        let wander = (0..n)
            .map(|i| (std::f64::consts::TAU * cycles * i as f64 / n as f64 + phase).sin())
            .collect();

        let centre = rng.random_range(0.0..n as f64);
        let width = rng.random_range(4.0..16.0);
        let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let motion = (0..n)
            .map(|i| sign * (-0.5 * ((i as f64 - centre) / width).powi(2)).exp())
            .collect();

        for part in [muscle, wander, motion] {
            let part: Vec<f64> = part;
            let mean_square = part.iter().map(|v| v * v).sum::<f64>() / n as f64;
            let gain = (power / mean_square.max(f64::MIN_POSITIVE)).sqrt();
            for (sample, value) in trace.iter_mut().zip(part) {
                *sample += (gain * value) as f32;
            }
        }
    }
}

fn variance(trace: &[f32]) -> f64 {
    let n = trace.len() as f64;
    let mean = trace.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    trace
        .iter()
        .map(|&v| (f64::from(v) - mean).powi(2))
        .sum::<f64>()
        / n
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_power_is_what_was_asked_for() {
        let clean: Vec<f32> = (0..4096).map(|i| (i as f32 * 0.1).sin()).collect();
        let mut noisy = clean.clone();
        Noise::at_decibels(-6.0).add_to(&mut noisy, &mut StdRng::seed_from_u64(0));
        let noise: f64 = clean
            .iter()
            .zip(&noisy)
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum::<f64>()
            / 4096.0;
        let decibels = 10.0 * (variance(&clean) / noise).log10();
        assert!((decibels + 6.0).abs() < 0.5, "{decibels} dB");
    }
}
