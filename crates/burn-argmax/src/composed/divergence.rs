//! Divergences of maps `[maps, depth, height, width]` from products of one line an axis, whose logarithms
//! `[maps, width + height + depth]` are one after the other, x first.

use alloc::vec::Vec;

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{BoolTensor, FloatTensor},
    },
    tensor::{Shape, Slice},
};

use super::tensors::{bool_dtype, cast, is_nan, sum_dim, widen};
use crate::losses::{Divergence, TINY};

/// The divergence of every map, `[maps, 1]`, in the dtype that sums run in.
pub fn divergence<B: Backend>(
    heatmaps: FloatTensor<B>,
    lines: FloatTensor<B>,
    divergence: Divergence,
) -> FloatTensor<B> {
    Terms::<B>::new(heatmaps, lines, divergence).sum()
}

/// Its gradient for the maps.
pub fn divergence_backward<B: Backend>(
    heatmaps: FloatTensor<B>,
    lines: FloatTensor<B>,
    losses: FloatTensor<B>,
    grad: FloatTensor<B>,
    divergence: Divergence,
) -> FloatTensor<B> {
    let (shape, dtype) = (heatmaps.shape(), heatmaps.dtype());
    let terms = Terms::<B>::new(heatmaps, lines, divergence);
    let slopes = scale_slopes::<B>(terms.slope(), losses, grad);
    cast::<B>(B::float_reshape(slopes, shape), dtype)
}

/// Its gradient for the logarithms of the lines.
pub fn divergence_lines_backward<B: Backend>(
    heatmaps: FloatTensor<B>,
    lines: FloatTensor<B>,
    losses: FloatTensor<B>,
    grad: FloatTensor<B>,
    divergence: Divergence,
) -> FloatTensor<B> {
    let terms = Terms::<B>::new(heatmaps, lines, divergence);
    scale_slopes::<B>(terms.slope_of_lines(), losses, grad)
}

/// Slopes times the upstream gradient of their map: NaN where its loss is, and exactly 0 where the
/// upstream gradient is.
pub(crate) fn scale_slopes<B: Backend>(
    slopes: FloatTensor<B>,
    losses: FloatTensor<B>,
    grad: FloatTensor<B>,
) -> FloatTensor<B> {
    let shape = slopes.shape();
    let broken = is_nan::<B>(losses);
    let dtype = bool_dtype::<B>(&grad.device());
    let silent = B::float_equal_elem(grad.clone(), 0f32.into(), dtype);
    let slopes = B::float_mul(slopes, grad);
    let broken = B::bool_expand(broken, shape.clone());
    let slopes = B::float_mask_fill(slopes, broken, f32::NAN.into());
    B::float_mask_fill(slopes, B::bool_expand(silent, shape), 0f32.into())
}

/// Probabilities, those that they should be, and the logarithms of these, `[maps, positions]`.
pub(super) struct Terms<B: Backend> {
    p: FloatTensor<B>,
    log_q: FloatTensor<B>,
    divergence: Divergence,
    sizes: Shape,
}

impl<B: Backend> Terms<B> {
    pub(super) fn new(
        heatmaps: FloatTensor<B>,
        lines: FloatTensor<B>,
        divergence: Divergence,
    ) -> Self {
        let sizes = heatmaps.shape();
        let flat = Shape::from([sizes[0], sizes.num_elements() / sizes[0]]);
        let mut start = 0;
        let log_q = [3, 2, 1].map(|dim| {
            let mut along = Shape::from([sizes[0], 1, 1, 1]);
            along[dim] = sizes[dim];
            let places = start..start + sizes[dim];
            start = places.end;
            let slices = [Slice::from(0..sizes[0]), Slice::from(places)];
            let line = B::float_slice(lines.clone(), &slices);
            B::float_expand(B::float_reshape(line, along), sizes.clone())
        });
        let log_q = log_q.into_iter().reduce(B::float_add);
        Self {
            p: B::float_reshape(widen::<B>(heatmaps), flat.clone()),
            log_q: B::float_reshape(log_q.expect("there are axes"), flat),
            divergence,
            sizes,
        }
    }

    /// Which maps have an entry that is no probability, or a line one that is not finite, `[maps, 1]`.
    pub(super) fn broken(&self) -> BoolTensor<B> {
        let dtype = bool_dtype::<B>(&self.p.device());
        let infinite = B::float_is_inf(self.p.clone(), dtype);
        let negative = B::float_lower_elem(self.p.clone(), 0f32.into(), dtype);
        let nan = is_nan::<B>(B::float_add(self.p.clone(), self.log_q.clone()));
        B::bool_any_dim(B::bool_or(nan, B::bool_or(infinite, negative)), 1)
    }

    pub(super) fn sum(&self) -> FloatTensor<B> {
        let terms = match self.divergence {
            Divergence::KullbackLeibler => B::float_mul(self.p.clone(), self.log_p_over_q()),
            Divergence::JensenShannon => {
                let [p, q] = self.halves();
                let about = Middle::<B>::new(p.clone(), q.clone());
                let [of_p, of_q] = about.log_ratios(&p, &q);
                // p log(p / m) and q log(q / m) are nearly opposite where p and q are nearly equal, so there
                // their sum is formed as m (log(1 - lean^2) + lean log((1 + lean) / (1 - lean))).
                let square = B::float_mul(about.lean.clone(), about.lean.clone());
                let square = B::float_clamp_max(square, 0.25.into());
                let apart = B::float_sub(of_p.clone(), of_q.clone());
                let near = B::float_add(
                    B::float_log1p(B::float_neg(square)),
                    B::float_mul(about.lean.clone(), apart),
                );
                let near =
                    B::float_mul_scalar(B::float_mul(near, about.middle.clone()), 0.5.into());
                let far = B::float_add(B::float_mul(p, of_p), B::float_mul(q, of_q));
                let dtype = bool_dtype::<B>(&far.device());
                let is_near = B::float_lower_elem(B::float_abs(about.lean), 0.5.into(), dtype);
                B::float_mask_where(far, is_near, near)
            }
        };
        let sum = sum_dim::<B>(terms, 1);
        B::float_mask_fill(sum, self.broken(), f32::NAN.into())
    }

    /// Along every probability.
    pub(super) fn slope(&self) -> FloatTensor<B> {
        match self.divergence {
            Divergence::KullbackLeibler => {
                let share = B::float_div(self.p.clone(), tiny_more::<B>(self.p.clone()));
                B::float_add(self.log_p_over_q(), share)
            }
            Divergence::JensenShannon => {
                let [p, q] = self.halves();
                let [of_p, _] = Middle::<B>::new(p.clone(), q.clone()).log_ratios(&p, &q);
                B::float_mul_scalar(of_p, 0.5.into())
            }
        }
    }

    /// Along every logarithm of the lines.
    pub(super) fn slope_of_lines(&self) -> FloatTensor<B> {
        let slopes = match self.divergence {
            Divergence::KullbackLeibler => {
                let q = B::float_exp(self.log_q.clone());
                let share = B::float_div(q.clone(), tiny_more::<B>(q));
                B::float_neg(B::float_mul(self.p.clone(), share))
            }
            Divergence::JensenShannon => {
                let [p, q] = self.halves();
                let [_, of_q] = Middle::<B>::new(p.clone(), q.clone()).log_ratios(&p, &q);
                B::float_mul(q, of_q)
            }
        };
        let slopes = B::float_reshape(slopes, self.sizes.clone());
        let along = [3, 2, 1].map(|dim| {
            let others = (1..4).filter(|&other| other != dim);
            let sums = others.fold(slopes.clone(), sum_dim::<B>);
            B::float_reshape(sums, Shape::from([self.sizes[0], self.sizes[dim]]))
        });
        B::float_cat(Vec::from(along), 1)
    }

    /// `log((p + t) / (q + t))`.
    fn log_p_over_q(&self) -> FloatTensor<B> {
        let floor = TINY.ln();
        let log_p = B::float_log(tiny_more::<B>(self.p.clone()));
        // From the larger of q and t up.
        let distance = B::float_abs(B::float_sub_scalar(self.log_q.clone(), floor.into()));
        let rest = B::float_log1p(B::float_exp(B::float_neg(distance)));
        let log_q = B::float_clamp_min(self.log_q.clone(), floor.into());
        B::float_sub(log_p, B::float_add(log_q, rest))
    }

    fn halves(&self) -> [FloatTensor<B>; 2] {
        let q = B::float_exp(self.log_q.clone());
        [self.p.clone(), q].map(|half| B::float_mul_scalar(half, 0.5.into()))
    }
}

/// The middle, and how far p leans from it: `p = m (1 + lean)` and `q = m (1 - lean)`.
struct Middle<B: Backend> {
    middle: FloatTensor<B>,
    lean: FloatTensor<B>,
}

impl<B: Backend> Middle<B> {
    /// Of the halves of both.
    fn new(p: FloatTensor<B>, q: FloatTensor<B>) -> Self {
        let middle = tiny_more::<B>(B::float_add(p.clone(), q.clone()));
        let lean = B::float_div(B::float_sub(p, q), middle.clone());
        Self { middle, lean }
    }

    /// `log(p / m)` and `log(q / m)`.
    fn log_ratios(&self, p: &FloatTensor<B>, q: &FloatTensor<B>) -> [FloatTensor<B>; 2] {
        let opposite = B::float_neg(self.lean.clone());
        [(p, self.lean.clone()), (q, opposite)].map(|(half, lean)| {
            let near = B::float_log1p(B::float_clamp_min(lean.clone(), (-0.5).into()));
            // Where little is left of x, its distance from m does not tell how much.
            let dtype = bool_dtype::<B>(&lean.device());
            let small = B::float_lower_elem(lean, (-0.5).into(), dtype);
            let whole = B::float_mul_scalar(half.clone(), 2.0.into());
            let log = B::float_log(tiny_more::<B>(whole));
            let far = B::float_sub(log, B::float_log(self.middle.clone()));
            B::float_mask_where(near, small, far)
        })
    }
}

fn tiny_more<B: Backend>(probabilities: FloatTensor<B>) -> FloatTensor<B> {
    B::float_add_scalar(probabilities, TINY.into())
}
