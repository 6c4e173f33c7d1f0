/// The standard deviation of a Gaussian, in pixels: one number for all axes, or one for each in the order
/// x, y, z.
///
/// ```
/// use burn_argmax::Sigma;
///
/// let round: Sigma = 1.5.into();
/// let wide: Sigma = [4.0, 1.0].into(); // 4 along x, 1 along y
/// assert_ne!(round, wide);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigma {
    /// In the order x, y, z; all the same where one number is for all.
    axes: [f64; 3],
    count: Option<usize>,
}

impl From<f64> for Sigma {
    fn from(sigma: f64) -> Self {
        Self {
            axes: [sigma; 3],
            count: None,
        }
    }
}

macro_rules! from_axes {
    ($($count:literal)*) => {
        $(impl From<[f64; $count]> for Sigma {
            fn from(sigma: [f64; $count]) -> Self {
                let mut axes = [1.0; 3];
                axes[..$count].copy_from_slice(&sigma);
                Self {
                    axes,
                    count: Some($count),
                }
            }
        })*
    };
}

from_axes!(1 2 3);

impl Sigma {
    /// That of each axis. Refuses a width that no Gaussian has, and another number of axes.
    #[track_caller]
    pub(crate) fn of_axes(&self, op: &str, axes: usize) -> &[f64] {
        assert!(
            self.count.is_none_or(|count| count == axes),
            "{op}: sigma must be one number, or one for each of {axes} axes, got {:?}",
            &self.axes[..self.count.unwrap_or(axes)]
        );
        let of_axes = &self.axes[..axes];
        for &sigma in of_axes {
            super::check_sigma(op, sigma);
        }
        of_axes
    }
}
