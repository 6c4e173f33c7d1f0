//! Choices: a row of a code book, and draws.

use burn::tensor::Tensor;
use burn_argmax::{
    Estimator, Noise, Surrogate, gumbel_softmax, sampled_one_hot, straight_through_select,
};
use burn_argmax_tests::{check::largest, data::values, oracle, oracle_noise::gumbels};
use rand::{RngExt, rngs::StdRng};

use crate::{
    case::{Case, Function},
    compare::{Expected, Precision, Wanted},
    judge::{Call, Row},
    scores::{Rows, tensor},
    wanted::Line,
    weighed::Scheme,
};

use super::{call_of, expected, first_of, of_surrogate, surrogate};

/// The row of a code book.
pub fn select<'a, const D: usize>(case: &'a Case, x: Tensor<D>, rng: &mut StdRng) -> Call<'a> {
    let features = rng.random_range(1..6);
    let codes = x.dims()[case.dim];
    let book: Vec<f64> = (0..codes * features)
        .map(|_| rng.random_range(-4.0..4.0))
        .collect();
    let book = tensor(book, [codes, features], case.dtype, &x.device()).require_grad();
    let y = straight_through_select(x, book.clone(), case.dim, surrogate(case));
    let codes = values(book.clone());
    let precision = Precision::of(case.dtype);
    let mut call = call_of(case, vec![y], move |row| {
        let chosen = first_of(row.scores);
        let code = |i: usize| &codes[i * features..][..features];
        let upstream = &row.upstream[0];
        let product = |i: usize| {
            code(i)
                .iter()
                .zip(upstream)
                .map(|(c, u)| c * u)
                .sum::<f64>()
        };
        let products: Vec<f64> = (0..row.scores.len()).map(product).collect();
        let sizes = codes.iter().zip(upstream.iter().cycle());
        let size = sizes.map(|(c, u)| (c * u).abs()).fold(0.0, f64::max);
        let products = [products];
        let of_products = Row {
            upstream: &products,
            ..row
        };
        let shares = upstream.iter().enumerate();
        Expected {
            results: vec![Wanted::exact(code(chosen).to_vec())],
            slopes: match surrogate(case) {
                Surrogate::Softmax { beta } => {
                    let sizes = [row.scores.len()];
                    let scheme = Scheme::softmax(beta);
                    let line = Line::new(&of_products, &sizes, scheme, &precision, true);
                    line.slopes_of_terms(features, |f, i| upstream[f] * code(i)[f])
                }
                _ => of_surrogate(case, &of_products, &precision, 1e-6 * size),
            },
            shares: shares.map(|(f, &u)| (chosen * features + f, u)).collect(),
        }
    });
    call.other = Some((
        case.dtype,
        Box::new(move |gradients| values(book.grad(gradients).expect("a gradient of the codes"))),
    ));
    call
}

/// Draws with the noise that is documented.
pub fn sampled<'a, const D: usize>(case: &'a Case, x: Tensor<D>) -> Call<'a> {
    let dim = case.dim;
    let shape = x.dims();
    let estimator = match case.seed % 5 {
        0 => Estimator::Identity,
        1 => Estimator::Softmax { beta: 1.5 },
        2 => Estimator::GumbelSoftmax { beta: 0.7 },
        3 => Estimator::ReinMax { beta: 1.2 },
        _ => Estimator::Gapped {
            beta: 1.5,
            gap: 1.0,
        },
    };
    let noise = Noise::Seed(case.seed);
    let y = match case.function {
        Function::GumbelSoftmax => gumbel_softmax(x, dim, 0.7, noise),
        _ => sampled_one_hot(x, dim, estimator, noise),
    };
    let noise = gumbels(case.seed, shape.iter().product());
    let noise = Rows::Along(dim).of(&noise, shape);
    let precision = Precision::of(case.dtype);
    call_of(case, vec![y], move |row| {
        let (scores, n) = (row.scores, row.scores.len());
        let sizes = [n];
        let noisy = scores.iter().zip(&noise[row.index]);
        let noisy: Vec<f64> = noisy.map(|(x, g)| x + g).collect();
        let slopes_of = |scores: &[f64], beta: f64| {
            let of_noisy = Row { scores, ..row };
            // The noise is as exact as the suite has it.
            let mut wanted = Line::new(&of_noisy, &sizes, Scheme::softmax(beta), &precision, true)
                .slopes(|i| row.upstream[0][i]);
            let scale = 1e-5 * largest(&wanted.values);
            wanted.within.iter_mut().for_each(|within| *within += scale);
            wanted
        };
        if case.function == Function::GumbelSoftmax {
            let weighed = Scheme::softmax(0.7).of(&noisy, &sizes);
            let p = weighed.map_or(vec![f64::NAN; n], |weighed| weighed.p);
            let p = Wanted::within(p, |p| 1e-5 * p + 1e-7);
            return expected(vec![p], slopes_of(&noisy, 0.7));
        }
        let drawn = first_of(&noisy);
        let top = noisy[drawn];
        // Two that rounding makes equal may be taken for each other.
        let near = noisy.iter().filter(|&&x| x >= top - 1e-5).count();
        let is_clear = near == 1;
        let one_hot: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i == drawn))).collect();
        let one_hot = match is_clear {
            true => Wanted::exact(one_hot),
            false => Wanted::anything(n),
        };
        let slopes = match estimator {
            Estimator::Identity => Wanted::exact(row.upstream[0].clone()),
            Estimator::Softmax { beta } => slopes_of(scores, beta),
            Estimator::GumbelSoftmax { beta } => slopes_of(&noisy, beta),
            _ if row.is_silent(true) => Wanted::exact(vec![0.0; n]),
            _ if scores.iter().all(|&x| x == f64::NEG_INFINITY) => Wanted::exact(vec![0.0; n]),
            _ if !is_clear => Wanted::anything(n),
            Estimator::Gapped { beta, gap } => {
                let max = scores.iter().copied().fold(f64::MIN, f64::max);
                let moved = |i: usize| {
                    if i == drawn {
                        max
                    } else {
                        scores[i].min(max - gap)
                    }
                };
                let moved: Vec<f64> = (0..n).map(moved).collect();
                slopes_of(&moved, beta)
            }
            Estimator::ReinMax { beta } => rein_max(&row, drawn, beta),
            other => unreachable!("{other:?} is not drawn"),
        };
        expected(vec![one_hot], slopes)
    })
}

/// `2 J((softmax(beta x) + D) / 2) u - J(softmax(x)) u / 2`.
fn rein_max(row: &Row, drawn: usize, beta: f64) -> Wanted {
    let (scores, upstream) = (row.scores, &row.upstream[0]);
    let jacobian = |p: &[f64]| -> Vec<f64> {
        let about = upstream[drawn];
        let terms = p.iter().zip(upstream);
        let terms = terms.map(|(p, u)| if *p == 0.0 { 0.0 } else { p * (u - about) });
        let mean: f64 = terms.sum();
        let each = p.iter().zip(upstream);
        each.map(|(p, u)| {
            if *p == 0.0 {
                0.0
            } else {
                p * (u - about - mean)
            }
        })
        .collect()
    };
    let p = oracle::softmax(scores, beta);
    let half = |i: usize| (p[i] + f64::from(u8::from(i == drawn))) / 2.0;
    let middle: Vec<f64> = (0..p.len()).map(half).collect();
    let [first, second] = [middle, oracle::softmax(scores, 1.0)].map(|p| jacobian(&p));
    let scale = 2e-4 * (largest(&first) + largest(&second)) + f64::from(f32::MIN_POSITIVE);
    let slopes = first.iter().zip(second).map(|(a, b)| 2.0 * a - b / 2.0);
    Wanted::within(slopes.collect(), |_| scale)
}
