//! One step of Newton's method from the largest pixel of a map towards the maximum of the surface through it
//! and its neighbours.

use burn_core::tensor::{Bool, Int, Tensor};

use super::{Coordinates, Surrogate, spatial_soft_argmax, straight_through_one_hot};
use crate::{
    Weighting,
    broken::{not_finite, spoil},
    precision::accumulator,
};

/// The positions of the maxima of maps `[batch, channels, spatial...]`, in pixels and the dtype to compute
/// in, `[batch, channels, axis]` in the order x, y, z. There is at least one map.
pub(super) fn refined_maximum<const D: usize>(maps: Tensor<D>) -> Tensor<3> {
    let wide = accumulator([maps.dtype()]);
    let shape = maps.dims();
    let (batch, channels, axes) = (shape[0], shape[1], D - 2);
    let sizes: Vec<usize> = shape[2..].iter().rev().copied().collect();
    let flat: Tensor<3> = maps.cast(wide).flatten(2, D - 1);
    let one_hot = straight_through_one_hot(flat.clone().detach(), 2, Surrogate::Identity);
    let one_hot = one_hot.reshape::<D, _>(shape);
    let peak = spatial_soft_argmax(one_hot, Weighting::given(), Coordinates::Index);

    let masked = flat.clone().equal_elem(f64::NEG_INFINITY);
    let only_masks = masked.clone().all_dim(2).reshape([batch, channels]);
    let finite = flat.clone().mask_fill(masked, 0.0);
    let broken = not_finite(finite.clone()).bool_or(only_masks);
    let surface = Surface {
        flat,
        peak: peak.clone().int(),
        sizes,
    };
    let each = broken
        .clone()
        .reshape([batch, channels, 1])
        .expand([batch, channels, axes]);
    let position = (peak + surface.step()).mask_fill(each, f64::NAN);
    position + spoil(&broken, [finite]).reshape([batch, channels, 1])
}

/// Maps, and where they are largest.
struct Surface {
    /// `[batch, channels, pixel]`.
    flat: Tensor<3>,
    /// `[batch, channels, axis]`.
    peak: Tensor<3, Int>,
    /// Of each axis, in the order x, y, z.
    sizes: Vec<usize>,
}

impl Surface {
    /// How far the maximum is from the largest pixel.
    fn step(&self) -> Tensor<3> {
        let axes = self.sizes.len();
        let axis: Vec<Axis> = (0..axes).map(|axis| self.along(axis)).collect();
        // By the largest bend, so that no product overflows or vanishes.
        let bends = axis.iter().map(|axis| axis.bend.clone());
        let largest = Tensor::cat(bends.collect(), 2).detach().min_dim(2).neg();
        let scale = largest.clamp_min(f32::MIN_POSITIVE).recip();
        let slopes: Vec<_> = axis
            .iter()
            .map(|axis| axis.slope.clone() * scale.clone())
            .collect();
        let bend = |a: usize, b: usize| match a == b {
            true => (axis[a].bend.clone() * scale.clone()).mask_fill(axis[a].is_flat.clone(), -1.0),
            false => {
                let flat = axis[a].is_flat.clone().bool_or(axis[b].is_flat.clone());
                self.twist(a, b).mask_fill(flat, 0.0) * scale.clone()
            }
        };
        let apart = (0..axes).map(|a| slopes[a].clone().neg() / bend(a, a));
        let apart: Tensor<3> = Tensor::cat(apart.collect(), 2);
        let step = match axes {
            1 => apart,
            2 => {
                let [xx, yy, xy] = [(0, 0), (1, 1), (0, 1)].map(|(a, b)| bend(a, b));
                let [x, y] = [&slopes[0], &slopes[1]].map(Tensor::clone);
                let determinant = xx.clone() * yy.clone() - xy.clone() * xy.clone();
                let has_maximum = determinant.clone().greater_elem(DEFINITE);
                let step = Tensor::cat(
                    vec![xy.clone() * y.clone() - yy * x.clone(), xy * x - xx * y],
                    2,
                );
                solved(step, determinant, has_maximum, apart)
            }
            _ => {
                let [xx, yy, zz] = [0, 1, 2].map(|a| bend(a, a));
                let [xy, xz, yz] = [(0, 1), (0, 2), (1, 2)].map(|(a, b)| bend(a, b));
                let product = |a: &Tensor<3>, b: &Tensor<3>| a.clone() * b.clone();
                // The adjugate, which is symmetric.
                let of_xx = product(&yy, &zz) - product(&yz, &yz);
                let of_yy = product(&xx, &zz) - product(&xz, &xz);
                let of_zz = product(&xx, &yy) - product(&xy, &xy);
                let of_xy = product(&xz, &yz) - product(&xy, &zz);
                let of_xz = product(&xy, &yz) - product(&xz, &yy);
                let of_yz = product(&xy, &xz) - product(&xx, &yz);
                let determinant =
                    product(&xx, &of_xx) + product(&xy, &of_xy) + product(&xz, &of_xz);
                let has_maximum = of_zz.clone().greater_elem(DEFINITE);
                let has_maximum = has_maximum.bool_and(determinant.clone().lower_elem(-DEFINITE));
                let rows = [
                    [&of_xx, &of_xy, &of_xz],
                    [&of_xy, &of_yy, &of_yz],
                    [&of_xz, &of_yz, &of_zz],
                ];
                let step = rows.map(|[x, y, z]| {
                    let sum =
                        product(x, &slopes[0]) + product(y, &slopes[1]) + product(z, &slopes[2]);
                    sum.neg()
                });
                solved(
                    Tensor::cat(step.to_vec(), 2),
                    determinant,
                    has_maximum,
                    apart,
                )
            }
        };
        step.clamp(-0.5, 0.5)
    }

    /// Numbers of the maps at so many pixels from the largest along each axis, or at the border before that.
    fn at(&self, offsets: &[(usize, i64)]) -> Tensor<3> {
        let mut place: Option<Tensor<3, Int>> = None;
        for (axis, &size) in self.sizes.iter().enumerate().rev() {
            let offset = offsets.iter().find(|(of, _)| *of == axis);
            let along = self.peak.clone().narrow(2, axis, 1);
            let along = (along + offset.map_or(0, |offset| offset.1)).clamp(0, size as i64 - 1);
            place = Some(match place {
                Some(place) => place * size as i64 + along,
                None => along,
            });
        }
        self.flat
            .clone()
            .gather(2, place.expect("a map has an axis"))
    }

    fn along(&self, axis: usize) -> Axis {
        let peak = self.at(&[]);
        let [before, after] = [-1, 1].map(|offset| self.at(&[(axis, offset)]) - peak.clone());
        let place = self.peak.clone().narrow(2, axis, 1);
        let at_border = place
            .clone()
            .equal_elem(0)
            .bool_or(place.equal_elem(self.sizes[axis] as i64 - 1));
        let bend = before.clone() + after.clone();
        let no_bend = bend.clone().lower_elem(0.0).bool_not();
        let is_flat = at_border
            .bool_or(no_bend)
            .bool_or(bend.is_finite().bool_not());
        let [before, after] = [before, after].map(|values| values.mask_fill(is_flat.clone(), 0.0));
        Axis {
            slope: (after.clone() - before.clone()) * 0.5,
            bend: before + after,
            is_flat,
        }
    }

    /// The mixed second difference, 0 where there is a mask.
    fn twist(&self, a: usize, b: usize) -> Tensor<3> {
        let at = |of_a, of_b| self.at(&[(a, of_a), (b, of_b)]);
        let peak = self.at(&[]);
        let corners = [(1, 1, 0.25), (1, -1, -0.25), (-1, 1, -0.25), (-1, -1, 0.25)];
        let differences = corners.map(|(a, b, sign)| (at(a, b) - peak.clone()) * sign);
        let masked = differences
            .clone()
            .map(|difference| difference.is_finite().bool_not());
        let masked = masked
            .into_iter()
            .reduce(Tensor::bool_or)
            .expect("four corners");
        let differences = differences.map(|difference| difference.mask_fill(masked.clone(), 0.0));
        differences
            .into_iter()
            .reduce(|sum, corner| sum + corner)
            .expect("four corners")
    }
}

/// The differences along an axis.
struct Axis {
    slope: Tensor<3>,
    /// Below 0, but where it is flat.
    bend: Tensor<3>,
    /// Whether there is no step along it: at a border, on a plateau, or beside a mask. All is 0 there.
    is_flat: Tensor<3, Bool>,
}

/// A surface that is flatter than this in some direction, over the largest bend, has no maximum that its
/// rounding leaves in place.
const DEFINITE: f64 = 1e-6;

/// The step to the maximum where there is one, and those along each axis elsewhere.
fn solved(
    adjugate: Tensor<3>,
    determinant: Tensor<3>,
    has_maximum: Tensor<3, Bool>,
    apart: Tensor<3>,
) -> Tensor<3> {
    let shape = apart.dims();
    let determinant = determinant.mask_fill(has_maximum.clone().bool_not(), 1.0);
    let apart_only = has_maximum.bool_not().expand(shape);
    (adjugate / determinant).mask_where(apart_only, apart)
}
