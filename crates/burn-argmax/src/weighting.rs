use burn_core::tensor::DType;
use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use crate::{
    config::deserialize,
    functions::{ensure, validate_alpha, validate_beta},
};

/// How scores become weights, whose average an operator takes.
///
/// | | weight of a score `x` | for |
/// |---|---|---|
/// | [`softmax(beta)`](Weighting::softmax), or a number | `exp(beta * x)` | logits |
/// | [`.within(radius)`](Weighting::within) | the same near the first maximum, 0 elsewhere | several peaks |
/// | [`.above(level)`](Weighting::above) | `max(exp(beta * (x - level)) - 1, 0)` | heatmaps over a background |
/// | [`entmax(alpha, beta)`](Weighting::entmax) | `[(alpha - 1) beta x - tau]_+^(1 / (alpha - 1))` | a background whose level is not known |
/// | [`given()`](Weighting::given) | `x` | probabilities, masses |
///
/// Weights are divided by their sum. A score of `-inf` is a mask: it weighs nothing.
///
/// A number is the `beta` of a softmax, so that the usual call is short.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Weighting, soft_argmax};
///
/// let device = Device::flex();
/// let x = || Tensor::<2>::from_floats([[0.0, 2.0, 0.0, 0.0, 0.0, 1.9]], &device);
/// let index = |weighting: Weighting| soft_argmax(x(), 1, weighting).into_scalar::<f32>();
///
/// // The background and the second peak draw the index from 1 ...
/// assert!(index(Weighting::softmax(1.0)) > 2.5);
/// // ... the background does not within a window,
/// assert_eq!(index(Weighting::softmax(1.0).within(1)), 1.0);
/// // and above a level only what rises weighs.
/// let x = Tensor::<2>::from_floats([[0.0, 2.0, 0.0, 0.0, 0.0, 0.0]], &device);
/// let index = soft_argmax(x, 1, Weighting::softmax(1.0).above(0.0));
/// assert_eq!(index.into_scalar::<f32>(), 1.0);
/// // Weights of one's own: the center of mass.
/// let p = Tensor::<2>::from_floats([[0.0, 0.25, 0.75, 0.0]], &device);
/// assert_eq!(soft_argmax(p, 1, Weighting::given()).into_scalar::<f32>(), 1.75);
/// ```
///
/// # Stored
///
/// It is serialisable, for the configurations of the modules. What the operators refuse is refused where it is
/// read, too.
///
/// ```
/// use burn_argmax::Weighting;
///
/// let stored = r#"{"weights": {"Above": {"beta": 1.0, "level": 0.5}}, "radius": 3}"#;
/// let weighting: Weighting = serde_json::from_str(stored)?;
/// assert_eq!(weighting, Weighting::softmax(1.0).above(0.5).within(3));
///
/// let refused = serde_json::from_str::<Weighting>(r#"{"weights": {"Softmax": {"beta": -1.0}}}"#);
/// let message = refused.unwrap_err().to_string();
/// assert!(message.starts_with("Weighting: beta must be finite and >= 0, got -1"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Weighting {
    pub(crate) weights: Weights,
    pub(crate) radius: Option<usize>,
    /// Of an entmax, whose other weights are those of a softmax: above 1 and up to 2. Functions take
    /// the entmax first, and hand on the weights that it gives.
    pub(crate) alpha: Option<f64>,
}

/// `radius` and `alpha` may be left out.
#[derive(Deserialize)]
#[serde(remote = "Weighting", deny_unknown_fields)]
struct Stored {
    weights: Weights,
    radius: Option<usize>,
    alpha: Option<f64>,
}

deserialize!(Weighting, Stored, read => read.validate("Weighting", DType::F64));

/// The weights of a whole line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Weights {
    Softmax { beta: f64 },
    Above { beta: f64, level: f64 },
    Given,
}

impl Weighting {
    /// `exp(beta * x)`: a softmax of this inverse temperature, finite and `>= 0`. Large is sharp; at 0
    /// every score that is no mask weighs the same.
    pub const fn softmax(beta: f64) -> Self {
        Self {
            weights: Weights::Softmax { beta },
            radius: None,
            alpha: None,
        }
    }

    /// The [`entmax`](crate::entmax()) of `beta * x`, with an `alpha` from 1, the softmax, to 2, sparsemax:
    /// what is far enough below the maximum weighs exactly 0, and gets no gradient. How far, the scores
    /// themselves decide: at most `1 / (beta * (alpha - 1))`, and less where many are near the maximum.
    ///
    /// So a background has no part, without a window and without a level that is known. At 1.5 and `beta`
    /// of 1, it must be 2 below the peak.
    ///
    /// Peters, Niculae and Martins, "Sparse Sequence-to-Sequence Models", ACL 2019.
    pub const fn entmax(alpha: f64, beta: f64) -> Self {
        Self {
            weights: Weights::Softmax { beta },
            radius: None,
            alpha: Some(alpha),
        }
    }

    /// The scores as they are, divided by their sum: probabilities, or masses, whose center is asked
    /// for. A line whose sum is 0 gives NaN.
    ///
    /// dsntnn's `dsnt` and kornia's `spatial_expectation2d` do not divide. Of maps that sum to 1 the
    /// results are the same, and behind a softmax so are the gradients.
    pub const fn given() -> Self {
        Self {
            weights: Weights::Given,
            radius: None,
            alpha: None,
        }
    }

    /// Only the entries within `radius`, at least 1, of the first maximum, along each axis: nothing
    /// from far away has a part. At a border the window is cut off.
    ///
    /// The window moves in whole steps, so no gradient passes through its place. A NaN outside of it
    /// still spoils its line.
    ///
    /// It cures the pull of other peaks, and most of that of a background (Sun et al., "Integral Human
    /// Pose Regression", ECCV 2018, describe both).
    pub const fn within(self, radius: usize) -> Self {
        Self {
            radius: Some(radius),
            ..self
        }
    }

    /// `max(exp(beta * (x - level)) - 1, 0)`: a background at `level`, and what is below it, weighs
    /// nothing, however many entries it has. `beta` must be `> 0` then, and `level`, which is rounded
    /// to the dtype of the scores, finite. A line that is nowhere above gives the plain softmax.
    ///
    /// At or below the level the gradient is 0, and above it that of the weight, exact. A line that is
    /// nowhere above has that of the plain softmax.
    ///
    /// After Gu, Yang and Yao, "Removing the Bias of Integral Pose Regression", ICCV 2021, who take
    /// the level to be 0; clamped here, so that the result stays within the line.
    ///
    /// # Panics
    ///
    /// For [`given`](Weighting::given) weights, of which one may take off a level before, and for those of
    /// an [`entmax`](Weighting::entmax), in which a background has no part anyway.
    #[track_caller]
    pub const fn above(self, level: f64) -> Self {
        assert!(
            self.alpha.is_none(),
            "Weighting::above: those of an entmax have no background, only weights of a softmax"
        );
        match self.weights {
            Weights::Softmax { beta } | Weights::Above { beta, .. } => Self {
                weights: Weights::Above { beta, level },
                ..self
            },
            Weights::Given => panic!(
                "Weighting::above: weights that are given have no background, only those of a softmax"
            ),
        }
    }

    /// The inverse temperature, if there is one.
    pub const fn beta(self) -> Option<f64> {
        match self.weights {
            Weights::Softmax { beta } | Weights::Above { beta, .. } => Some(beta),
            Weights::Given => None,
        }
    }

    /// The level of the background, if there is one.
    pub(crate) fn level(self) -> Option<f64> {
        match self.weights {
            Weights::Above { level, .. } => Some(level),
            _ => None,
        }
    }

    /// Refuses what defines no weights of scores of a dtype.
    pub(crate) fn validate(self, op: &str, dtype: DType) -> Result<(), String> {
        match self.weights {
            Weights::Softmax { beta } => validate_beta(op, beta)?,
            Weights::Above { beta, level } => {
                ensure(beta.is_finite() && beta > 0.0, || {
                    format!(
                        "{op}: beta must be finite and > 0 for weights above a level, got {beta}"
                    )
                })?;
                ensure(
                    self.rounded(dtype).level().is_none_or(f64::is_finite),
                    || {
                        format!(
                            "{op}: the level that weights are above must be finite in {dtype:?}, got {level:e}"
                        )
                    },
                )?;
            }
            Weights::Given => {}
        }
        if let Some(alpha) = self.alpha {
            validate_alpha(op, alpha)?;
            // Which only a file can say.
            ensure(matches!(self.weights, Weights::Softmax { .. }), || {
                format!("{op}: alpha must be null but for weights of a softmax, got {alpha}")
            })?;
        }
        ensure(self.radius != Some(0), || {
            format!("{op}: radius must be at least 1, got 0")
        })
    }

    /// With the level that scores of a dtype are compared with.
    pub(crate) fn rounded(self, dtype: DType) -> Self {
        let round = |level: f64| match dtype {
            DType::F64 => level,
            DType::F16 => f16::from_f64(level).to_f64(),
            DType::BF16 => bf16::from_f64(level).to_f64(),
            _ => f64::from(level as f32),
        };
        let weights = match self.weights {
            Weights::Above { beta, level } => Weights::Above {
                beta,
                level: round(level),
            },
            weights => weights,
        };
        Self { weights, ..self }
    }
}

/// The `beta` of a softmax.
impl From<f64> for Weighting {
    fn from(beta: f64) -> Self {
        Self::softmax(beta)
    }
}
