use rand::{RngExt, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};

/// Shares of the noise power: white muscle noise, wandering baseline, motion bump.
const SHARES: [f64; 3] = [0.3, 0.3, 0.4];

/// Electrode noise: white muscle noise, a wandering baseline and one motion bump of either sign.
///
/// The noise stress test of the MIT-BIH database adds recordings of the three; here they are drawn.
pub struct Noise {
    /// Mean square of the noise.
    power: f64,
}

impl Noise {
    /// Noise at a signal-to-noise ratio in decibels (the lower, the louder) to a signal of that
    /// variance.
    pub fn at_decibels(decibels: f64, signal_variance: f64) -> Self {
        Self {
            power: signal_variance * 10f64.powf(-decibels / 10.0),
        }
    }

    /// Adds freshly drawn noise to a trace.
    pub fn add_to(&self, trace: &mut [f32], rng: &mut StdRng) {
        let n = trace.len();

        let muscle: Vec<f64> = (0..n).map(|_| StandardNormal.sample(rng)).collect();

        let cycles = rng.random_range(0.3..1.5);
        let phase = rng.random_range(0.0..std::f64::consts::TAU);
        let wander = (0..n)
            .map(|i| (std::f64::consts::TAU * cycles * i as f64 / n as f64 + phase).sin())
            .collect();

        let centre = rng.random_range(0.0..n as f64);
        let width = rng.random_range(3.0..12.0);
        let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let motion = (0..n)
            .map(|i| sign * (-0.5 * ((i as f64 - centre) / width).powi(2)).exp())
            .collect();

        let parts: [Vec<f64>; 3] = [muscle, wander, motion];
        for (part, share) in parts.into_iter().zip(SHARES) {
            let mean_square = part.iter().map(|v| v * v).sum::<f64>() / n as f64;
            let gain = (share * self.power / mean_square.max(f64::MIN_POSITIVE)).sqrt();
            for (sample, value) in trace.iter_mut().zip(part) {
                *sample += (gain * value) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_power_is_what_was_asked_for() {
        let mut rng = StdRng::seed_from_u64(0);
        let (signal_variance, draws, samples) = (0.25, 200, 192);
        let noise = Noise::at_decibels(-6.0, signal_variance);
        let mut power = 0.0;
        for _ in 0..draws {
            let mut trace = vec![0.0; samples];
            noise.add_to(&mut trace, &mut rng);
            power += trace.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        }
        power /= (draws * samples) as f64;
        let decibels = 10.0 * (signal_variance / power).log10();
        assert!((decibels + 6.0).abs() < 0.3, "{decibels} dB");
    }
}
