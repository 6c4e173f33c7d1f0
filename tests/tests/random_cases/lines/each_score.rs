//! Functions that give a number for each score.

use burn::tensor::Tensor;
use burn_argmax::{
    Noise, entmax, refined_argmax, sampled_top_k, sign_one_hot, soft_top_k, softmax,
    straight_through_one_hot, straight_through_top_k,
};
use burn_argmax_tests::{check::largest, oracle, oracle_refine::refined, oracle_top_k};

use crate::{
    case::{Case, Function},
    compare::{Precision, Wanted},
    judge::{Call, Row},
    wanted::Line,
    weighed::{Scheme, Weights},
};

use super::{call_of, expected, first_of, of_surrogate, surrogate};

/// Functions that give a number for each score.
pub fn of_each_score<'a, const D: usize>(case: &'a Case, x: Tensor<D>) -> Call<'a> {
    let dim = case.dim;
    let n = x.dims()[dim];
    let k = 1 + case.seed as usize % n;
    let (alpha, beta) = case.alpha_and_beta();
    let y = match case.function {
        Function::Softmax => softmax(x, dim, beta),
        Function::Entmax => entmax(x, dim, alpha, beta),
        Function::StraightThroughOneHot => straight_through_one_hot(x, dim, surrogate(case)),
        Function::StraightThroughTopK => straight_through_top_k(x, k, dim, surrogate(case)),
        Function::SampledTopK => sampled_top_k(x, k, dim, surrogate(case), Noise::Seed(case.seed)),
        Function::SoftTopK => soft_top_k(x, k, dim, beta),
        Function::SignOneHot => sign_one_hot(x, dim),
        Function::RefinedArgmax => refined_argmax(x, dim),
        other => unreachable!("{other:?} has rows of its own"),
    };
    let precision = Precision::of(case.dtype);
    call_of(case, vec![y], move |row| {
        let of_softmax = |weights| {
            let scheme = Scheme {
                weights,
                radius: None,
            };
            let sizes = [n];
            let line = Line::new(&row, &sizes, scheme, &precision, true);
            let p = line
                .weighed
                .as_ref()
                .map_or(vec![f64::NAN; n], |weighed| weighed.p.clone());
            let slopes = line.slopes(|i| row.upstream[0][i]);
            (p, slopes)
        };
        let surrogate = || of_surrogate(case, &row, &precision, 0.0);
        let (result, slopes) = match case.function {
            Function::Softmax => {
                let (p, slopes) = of_softmax(Weights::Softmax { beta });
                let share = precision.sum(n);
                (Wanted::within(p, |p| share * p + 1e-37), slopes)
            }
            Function::Entmax => {
                let (p, slopes) = of_softmax(Weights::Entmax { alpha, beta });
                let [share, of_largest] = match precision.is_wide() {
                    true => [1e-11; 2],
                    false => [3e-5, 1e-6],
                };
                let scale = largest(&p);
                (
                    Wanted::within(p, |p| share * p + of_largest * scale),
                    slopes,
                )
            }
            Function::StraightThroughOneHot => {
                let first = first_of(row.scores);
                let one_hot = (0..n).map(|i| f64::from(u8::from(i == first))).collect();
                (Wanted::exact(one_hot), surrogate())
            }
            Function::StraightThroughTopK => (
                Wanted::exact(oracle_top_k::top_k(row.scores, k)),
                surrogate(),
            ),
            // Draws have a test of their own.
            Function::SampledTopK => (Wanted::anything(n), surrogate()),
            Function::SoftTopK => soft_top_k_of(&row, k, beta, &precision),
            Function::SignOneHot => (
                Wanted::exact(oracle::sign_one_hot(row.scores)),
                Wanted::exact(vec![0.0; n]),
            ),
            _ => refined_of(&row, &precision),
        };
        expected(vec![result], slopes)
    })
}

fn soft_top_k_of(row: &Row, k: usize, beta: f64, precision: &Precision) -> (Wanted, Wanted) {
    let (scores, upstream) = (row.scores, &row.upstream[0]);
    let weights = oracle_top_k::soft_top_k(scores, k, beta);
    let unit = if precision.is_wide() { 1e-13 } else { 1e-6 };
    // The threshold is as exact as the scores that it is among.
    let is_mask = |x: &f64| *x == f64::NEG_INFINITY;
    let finite = scores.iter().copied().filter(|x| x.is_finite());
    let max = finite.clone().fold(f64::NEG_INFINITY, f64::max);
    let range = finite.map(|x| max - x).fold(0.0, f64::max);
    let result = Wanted::within(weights.clone(), |y| {
        unit * (1.0 + beta * range) * y.max(1.0)
    });
    if row.is_silent(true) {
        return (result, Wanted::exact(vec![0.0; scores.len()]));
    }
    if weights[0].is_nan() {
        let slope = |x: &f64| if is_mask(x) { 0.0 } else { f64::NAN };
        return (result, Wanted::exact(scores.iter().map(slope).collect()));
    }
    let upstream: Vec<f64> = upstream
        .iter()
        .zip(scores)
        .map(|(&u, x)| if is_mask(x) { 0.0 } else { u })
        .collect();
    let slopes = oracle_top_k::soft_top_k_gradient(scores, k, beta, &upstream);
    // Those that are nearly 0 or 1 may be taken for it, and the others for those.
    let near = 4.0 * unit * (1.0 + beta * range);
    let scaled = |i: usize| beta * (scores[i] - max);
    let open = (0..scores.len()).filter(|&i| !is_mask(&scores[i]));
    let moves = |i: &usize| weights[*i] > 0.0 && weights[*i] < 1.0;
    let is_near = match open.clone().find(moves) {
        Some(i) => {
            let threshold = scaled(i) - weights[i];
            let mut turns = open.clone().map(scaled).flat_map(|z| [z, z - 1.0]);
            turns.any(|turn| (turn - threshold).abs() < near)
        }
        None => {
            let zeros = open.clone().filter(|&i| weights[i] == 0.0);
            let ones = open.clone().filter(|&i| weights[i] == 1.0);
            let low = zeros.map(scaled).fold(f64::NEG_INFINITY, f64::max);
            let high = ones.map(scaled).fold(f64::INFINITY, f64::min) - 1.0;
            high - low < near
        }
    };
    if is_near {
        return (result, Wanted::anything(scores.len()));
    }
    let scale = unit * beta * largest(&upstream);
    (
        result,
        Wanted::within(slopes, |_| scale + f64::from(f32::MIN_POSITIVE)),
    )
}

fn refined_of(row: &Row, precision: &Precision) -> (Wanted, Wanted) {
    let (scores, n) = (row.scores, row.scores.len());
    let weighed = Scheme::softmax(1.0).of(scores, &[n]);
    let result = match &weighed {
        Some(_) => refined(scores, &[n])[0],
        None => f64::NAN,
    };
    let result = Wanted::within(vec![result], |want| {
        precision.rounding.sums(n) * want.abs().max(1.0)
    });
    let upstream = row.upstream[0][0];
    if upstream == 0.0 {
        return (result, Wanted::exact(vec![0.0; n]));
    }
    let Some(weighed) = weighed else {
        let slope = |&x: &f64| {
            if x == f64::NEG_INFINITY {
                0.0
            } else {
                f64::NAN
            }
        };
        return (result, Wanted::exact(scores.iter().map(slope).collect()));
    };
    let (peak, mut slopes) = (weighed.peak, vec![0.0; n]);
    if peak > 0 && peak < n - 1 {
        let [before, after] = [peak - 1, peak + 1].map(|i| scores[i] - scores[peak]);
        let bend = before + after;
        if bend < 0.0 && bend.is_finite() {
            // Of (before - after) / 2 / bend.
            slopes[peak - 1] = upstream * (after / bend) / bend;
            slopes[peak + 1] = -upstream * (before / bend) / bend;
            slopes[peak] = -(slopes[peak - 1] + slopes[peak + 1]);
        }
    }
    // Of scores as good as equal, more than there are numbers for.
    if largest(&slopes) > precision.max() {
        return (result, Wanted::anything(n));
    }
    (
        result,
        precision.of_slopes(slopes, f64::from(f32::MIN_POSITIVE)),
    )
}
