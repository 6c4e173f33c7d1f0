//! One step of Newton's method from the largest pixel of a map towards the maximum of the surface through it
//! and its neighbours.

use burn_core::tensor::{Bool, Int, IntDType, Tensor};

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
        peak: peak.clone().cast(IntDType::I32),
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
        let alone: Vec<_> = axis.iter().map(Axis::step).collect();
        if axes == 1 {
            return alone[0].clone();
        }

        // The step along `a` is that of the axis alone, and so many times that along `b`.
        let mut wild = Vec::new();
        let mut shares = vec![vec![None; axes]; axes];
        for a in 0..axes {
            for b in 0..a {
                let (twist, is_wild) = self.twist(&axis, a, b);
                wild.push(is_wild);
                for [a, b] in [[a, b], [b, a]] {
                    let twist = twist.clone() / axis[a].unit.clone();
                    shares[a][b] = Some(twist / axis[a].steepness.clone());
                }
            }
        }
        let share = |a: usize, b: usize| shares[a][b].clone().expect("two axes");
        let alone_at = |axis: usize| alone[axis].clone();
        let minor = |a: usize, b: usize| (share(a, b) * share(b, a)).neg() + 1.0;
        let is_definite = |determinant: Tensor<3>| determinant.greater_elem(DEFINITE);
        let (determinant, mut has_maximum, step) = match axes {
            2 => {
                let step = [[0, 1], [1, 0]].map(|[a, b]| alone_at(a) + share(a, b) * alone_at(b));
                let determinant = minor(0, 1);
                (determinant.clone(), is_definite(determinant), step.to_vec())
            }
            _ => {
                let path = |a, b, c| share(a, b) * share(b, c);
                let cycles = path(0, 1, 2) * share(2, 0) + path(0, 2, 1) * share(1, 0);
                let determinant = minor(0, 1) + minor(0, 2) + minor(1, 2) - 2.0 - cycles;
                let step = [[0, 1, 2], [1, 0, 2], [2, 0, 1]].map(|[a, b, c]| {
                    alone_at(a) * minor(b, c)
                        + alone_at(b) * (share(a, b) + path(a, c, b))
                        + alone_at(c) * (share(a, c) + path(a, b, c))
                });
                let both = is_definite(minor(0, 1)).bool_and(is_definite(determinant.clone()));
                (determinant, both, step.to_vec())
            }
        };
        for is_wild in wild {
            has_maximum = has_maximum.bool_and(is_wild.bool_not());
        }
        let determinant = determinant.mask_fill(has_maximum.clone().bool_not(), 1.0);
        let together: Tensor<3> = Tensor::cat(step, 2) / determinant;
        let alone: Tensor<3> = Tensor::cat(alone, 2);
        let apart = has_maximum.bool_not().expand(alone.dims());
        together.mask_where(apart, alone).clamp(-0.5, 0.5)
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
        let steepness = (before.clone() + after.clone()).neg();
        let unit = steepness.clone().detach().mask_fill(is_flat.clone(), 1.0);
        Axis {
            slope: (after - before) * 0.5 / unit.clone(),
            steepness: (steepness / unit.clone()).mask_fill(is_flat.clone(), 1.0),
            unit,
            is_flat,
        }
    }

    /// The mixed second difference, and whether it is more than any surface with a maximum has; 0 there, beside
    /// a mask, and where an axis is flat.
    fn twist(&self, axis: &[Axis], a: usize, b: usize) -> (Tensor<3>, Tensor<3, Bool>) {
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
        let is_flat = axis[a].is_flat.clone().bool_or(axis[b].is_flat.clone());
        let none = masked.bool_or(is_flat);
        let differences = differences.map(|difference| difference.mask_fill(none.clone(), 0.0));
        let twist = differences
            .into_iter()
            .reduce(|sum, corner| sum + corner)
            .expect("four corners");
        let [of_a, of_b] = [a, b]
            .map(|axis_of| (twist.clone().detach().abs() / axis[axis_of].unit.clone()).sqrt());
        let is_wild = (of_a * of_b).lower_elem(1.0).bool_not();
        (twist.mask_fill(is_wild.clone(), 0.0), is_wild)
    }
}

/// The differences along an axis.
struct Axis {
    slope: Tensor<3>,
    /// How the slope falls: 1 in the unit of the axis.
    steepness: Tensor<3>,
    /// A constant in which they are given: the square of a large number, or of a small one, is none.
    unit: Tensor<3>,
    /// Whether there is no step along it: at a border, or beside a mask.
    is_flat: Tensor<3, Bool>,
}

impl Axis {
    /// The step to the maximum along this axis alone.
    fn step(&self) -> Tensor<3> {
        self.slope.clone() / self.steepness.clone()
    }
}

/// Of a surface that hardly bends in some direction, over how it bends in others, the rounding decides where its
/// maximum is.
const DEFINITE: f64 = 1e-6;
