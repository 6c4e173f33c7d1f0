//! Losses of each row with a target.

use burn::tensor::{Int, Tensor, TensorData};
use burn_argmax::losses::{entmax_loss, expected_distance_loss, histogram_loss};
use burn_argmax_tests::data::values;
use rand::{RngExt, rngs::StdRng};

use crate::{
    case::{Case, Function},
    compare::{Expected, Precision, Wanted},
    judge::{Call, Row},
    scores::{Rows, tensor},
    wanted::Line,
    weighed::{Scheme, Weights},
};

use super::{call_of, expected};

/// Losses of each row with a target.
pub fn of_targets<'a, const D: usize>(case: &'a Case, x: Tensor<D>, rng: &mut StdRng) -> Call<'a> {
    let (dim, device, shape) = (case.dim, x.device(), x.dims());
    let rows = Rows::Along(dim);
    let scores = rows.of(&values(x.clone()), shape);
    let n = shape[dim];
    let mut of_one = shape;
    of_one[dim] = 1;
    // An entry that is no mask, if there is one.
    let mut entry = |row: &Vec<f64>| {
        let open: Vec<usize> = (0..n).filter(|&i| row[i] != f64::NEG_INFINITY).collect();
        match open.is_empty() {
            true => 0,
            false => open[rng.random_range(0..open.len())],
        }
    };
    let precision = Precision::of(case.dtype);
    match case.function {
        Function::EntmaxLoss => {
            let (alpha, _) = case.alpha_and_beta();
            let targets: Vec<usize> = scores.iter().map(&mut entry).collect();
            let target = targets
                .iter()
                .map(|&at| vec![at as f64])
                .collect::<Vec<_>>();
            let target = rows.join(&target, of_one).into_iter().map(|at| at as i64);
            let target = TensorData::new(target.collect::<Vec<i64>>(), of_one);
            let target = Tensor::<D, Int>::from_data(target, &device);
            let y = entmax_loss(x, target, dim, alpha);
            call_of(case, vec![y], move |row| {
                let target = targets[row.index];
                let mass = |i: usize| f64::from(u8::from(i == target));
                loss_of(&row, mass, alpha, &precision)
            })
        }
        Function::HistogramLoss => {
            let targets: Vec<[usize; 2]> =
                scores.iter().map(|row| [entry(row), entry(row)]).collect();
            let masses: Vec<Vec<f64>> = targets
                .iter()
                .map(|[one, other]| {
                    let mut masses = vec![0.0; n];
                    masses[*one] += 0.75;
                    masses[*other] += 0.25;
                    masses
                })
                .collect();
            let target = tensor(rows.join(&masses, shape), shape, case.dtype, &device);
            let y = histogram_loss(x, target, dim);
            call_of(case, vec![y], move |row| {
                let masses = masses[row.index].clone();
                loss_of(&row, |i| masses[i], 1.0, &precision)
            })
        }
        _ => {
            let targets: Vec<Vec<f64>> = scores
                .iter()
                .map(|row| vec![entry(row) as f64 + 0.25])
                .collect();
            let target = tensor(rows.join(&targets, of_one), of_one, case.dtype, &device);
            let targets = rows.of(&values(target.clone()), of_one);
            let y = expected_distance_loss(x, target, dim, case.scheme.weighting());
            call_of(case, vec![y], move |row| {
                let sizes = [n];
                let line = Line::new(&row, &sizes, case.scheme, &precision, false);
                let distance = |i: usize| (i as f64 - targets[row.index][0]).abs();
                let loss = line.number(|weighed| weighed.mean(distance));
                let slopes = line.slopes(|i| row.upstream[0][0] * distance(i));
                let loss = Wanted::within(vec![loss], |loss| precision.index(loss, n));
                expected(vec![loss], slopes)
            })
        }
    }
}

/// The Fenchel-Young loss of masses that sum to 1.
fn loss_of(row: &Row, mass: impl Fn(usize) -> f64, alpha: f64, precision: &Precision) -> Expected {
    let (scores, n, upstream) = (row.scores, row.scores.len(), row.upstream[0][0]);
    let weights = Weights::Entmax { alpha, beta: 1.0 };
    let scheme = Scheme {
        weights,
        radius: None,
    };
    let Some(weighed) = scheme.of(scores, &[n]) else {
        let slope = |&x: &f64| match x {
            _ if upstream == 0.0 => 0.0,
            f64::NEG_INFINITY => 0.0,
            _ => f64::NAN,
        };
        let slopes = Wanted::exact(scores.iter().map(slope).collect());
        return expected(vec![Wanted::exact(vec![f64::NAN])], slopes);
    };
    let below = |i: usize| scores[i] - scores[weighed.peak];
    let of_target = |i: usize| {
        if mass(i) == 0.0 {
            0.0
        } else {
            mass(i) * below(i)
        }
    };
    let of_target: f64 = (0..n).map(of_target).sum();
    let others = |value: &dyn Fn(usize) -> f64| -> f64 {
        (0..n).filter(|&i| i != weighed.peak).map(value).sum()
    };
    let p = &weighed.p;
    // What the peak lacks to 1.
    let rest = others(&|i| p[i]);
    let loss = match alpha == 1.0 {
        true => {
            others(&|i| {
                if scores[i] == f64::NEG_INFINITY {
                    0.0
                } else {
                    below(i).exp()
                }
            })
            .ln_1p()
                - of_target
        }
        false => {
            let distance = others(&|i| if p[i] == 0.0 { 0.0 } else { p[i] * below(i) });
            let powers = others(&|i| p[i].powf(alpha));
            let less = -(alpha * (-rest).ln_1p()).exp_m1() - powers;
            distance - of_target + less / (alpha * (alpha - 1.0))
        }
    };
    let result = Wanted::within(vec![loss], |loss| {
        precision.rounding.sums(n) * loss.abs().max(1.0)
    });
    if upstream == 0.0 {
        return expected(vec![result], Wanted::exact(vec![0.0; n]));
    }
    let slope = |i: usize| match scores[i] {
        f64::NEG_INFINITY => 0.0,
        _ if i == weighed.peak => upstream * (1.0 - mass(i) - rest),
        _ => upstream * (p[i] - mass(i)),
    };
    let slopes: Vec<f64> = (0..n).map(slope).collect();
    let lost = f64::from(f32::MIN_POSITIVE) * upstream.abs().max(1.0);
    // The weights as they are by themselves.
    let of_weights = if alpha == 1.0 {
        // Weight and mass are rounded, and may cancel.
        2.5e-7 * upstream.abs()
    } else {
        3e-5 * upstream.abs()
    };
    let of_weights = if precision.is_wide() {
        1e-11 * upstream.abs()
    } else {
        of_weights
    };
    expected(vec![result], precision.of_slopes(slopes, lost + of_weights))
}
