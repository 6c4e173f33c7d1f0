//! The index, and what bins make of it.

use burn::tensor::{DType, Tensor};
use burn_argmax::{
    soft_argmax, soft_argmax_moments, soft_argmax_over, soft_argmin, straight_through_argmax,
};
use burn_argmax_tests::{check::largest, data::values};
use rand::{RngExt, rngs::StdRng};

use crate::{
    case::{Case, Function},
    compare::{Expected, Precision, Wanted},
    judge::{Call, Row},
    scores::{Rows, tensor},
    wanted::Line,
};

use super::{call_of, expected};

/// Moments of the index.
pub fn indices<'a, const D: usize>(case: &'a Case, x: Tensor<D>) -> Call<'a> {
    let (dim, weighting) = (case.dim, case.scheme.weighting());
    let results = match case.function {
        Function::SoftArgmin => vec![soft_argmin(x, dim, weighting)],
        Function::StraightThroughArgmax => vec![straight_through_argmax(x, dim, weighting)],
        Function::SoftArgmaxMoments => {
            let moments = soft_argmax_moments(x, dim, weighting);
            vec![moments.mean, moments.variance]
        }
        _ => vec![soft_argmax(x, dim, weighting)],
    };
    let sign = if case.function == Function::SoftArgmin {
        -1.0
    } else {
        1.0
    };
    let precision = Precision::of(case.dtype);
    call_of(case, results, move |row| {
        let scores: Vec<f64> = row.scores.iter().map(|x| sign * x).collect();
        let row = Row {
            scores: &scores,
            ..row
        };
        let n = scores.len();
        let sizes = [n];
        let line = Line::new(&row, &sizes, case.scheme, &precision, false);
        let mean = line.number(|weighed| weighed.mean(|i| i as f64));
        let distance = |i: usize, mean: f64| (i as f64 - mean).powi(2);
        let variance = line.number(|weighed| {
            let mean = weighed.mean(|i| i as f64);
            weighed.mean(|i| distance(i, mean))
        });
        let results = match case.function {
            Function::StraightThroughArgmax => {
                vec![Wanted::exact(vec![
                    line.number(|weighed| weighed.peak as f64),
                ])]
            }
            Function::SoftArgmaxMoments => vec![
                Wanted::within(vec![mean], |mean| precision.index(mean, n)),
                Wanted::within(vec![variance], |variance| {
                    let least = if precision.is_wide() {
                        1e-14 * n as f64
                    } else {
                        1e-7
                    };
                    precision.sum(n) * variance + least
                }),
            ],
            _ => vec![Wanted::within(vec![mean], |mean| precision.index(mean, n))],
        };
        let mut slopes = line.slopes_of_terms(row.upstream.len(), |which, i| {
            let value = match which {
                0 => i as f64 - mean,
                _ => distance(i, mean),
            };
            row.upstream[which][0] * value
        });
        slopes.values.iter_mut().for_each(|slope| *slope *= sign);
        // Moments keep beta times what comes from upstream, of which there must be a number.
        let steepest = case.scheme.weighting().beta().unwrap_or(1.0);
        let kept = steepest * largest(&row.upstream.concat());
        if case.function == Function::SoftArgmaxMoments && kept > f64::from(f32::MAX) {
            slopes = Wanted::anything(n);
        }
        expected(results, slopes)
    })
}

/// Any bins, of a shape that broadcasts.
pub fn over<'a, const D: usize>(case: &'a Case, x: Tensor<D>, rng: &mut StdRng) -> Call<'a> {
    let (dim, device, dims) = (case.dim, x.device(), x.dims());
    let dtype = if rng.random_bool(0.5) {
        DType::F32
    } else {
        case.dtype
    };
    let mut shape = dims;
    for size in &mut shape {
        if rng.random_bool(0.5) {
            *size = 1;
        }
    }
    let scale = [1.0, 1.0, 100.0][rng.random_range(0..3)];
    let count = shape.iter().product();
    let bins: Vec<f64> = (0..count)
        .map(|_| scale * rng.random_range(-4.0..4.0))
        .collect();
    let bins = tensor(bins, shape, dtype, &device).require_grad();
    let is_a_line = dims
        .iter()
        .zip(shape)
        .enumerate()
        .all(|(axis, (&size, of_bins))| of_bins == if axis == dim { size } else { 1 });
    let weighting = case.scheme.weighting();
    let y = match is_a_line && rng.random_bool(0.5) {
        true => soft_argmax_over(x, bins.clone().reshape([dims[dim]]), dim, weighting),
        false => soft_argmax_over(x, bins.clone(), dim, weighting),
    };
    // Where the bins of each row are.
    let places: Vec<f64> = (0..count).map(|place| place as f64).collect();
    let places = tensor(places, shape, DType::F64, &device).expand(dims);
    let places = Rows::Along(dim).of(&values(places), dims);
    let numbers = values(bins.clone());
    let precision = Precision::of(case.dtype);
    let mut call = call_of(case, vec![y], move |row| {
        let n = row.scores.len();
        let sizes = [n];
        let line = Line::new(&row, &sizes, case.scheme, &precision, false);
        let place = |i: usize| places[row.index][i] as usize;
        let bin = |i: usize| numbers[place(i)];
        let of_row: Vec<f64> = (0..n).map(bin).collect();
        let mean = line.number(|weighed| weighed.mean(bin));
        let share = if precision.is_wide() {
            precision.sum(n)
        } else {
            5e-6
        };
        let upstream = row.upstream[0][0];
        let shares = match &line.weighed {
            _ if upstream == 0.0 => Vec::new(),
            Some(weighed) => (0..n)
                .map(|i| (place(i), upstream * weighed.p[i]))
                .collect(),
            // What a broken row leaves in the bins is not told, but nothing at a mask.
            None => {
                let open = (0..n).filter(|&i| row.scores[i] != f64::NEG_INFINITY);
                open.map(|i| (place(i), f64::INFINITY)).collect()
            }
        };
        Expected {
            results: vec![Wanted::within(vec![mean], |_| share * largest(&of_row))],
            slopes: line.slopes(|i| upstream * bin(i)),
            shares,
        }
    });
    call.other = Some((
        dtype,
        Box::new(move |gradients| values(bins.grad(gradients).expect("a gradient of the bins"))),
    ));
    call
}
