//! Functions along a dimension.

use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_argmax::{
    Estimator, Noise, Surrogate, entmax, gumbel_softmax,
    losses::{entmax_loss, expected_distance_loss, histogram_loss},
    refined_argmax, sampled_one_hot, sampled_top_k, sign_one_hot, soft_argmax, soft_argmax_moments,
    soft_argmax_over, soft_argmin, soft_top_k, softmax, straight_through_argmax,
    straight_through_one_hot, straight_through_select, straight_through_top_k,
};
use burn_argmax_tests::{
    check::largest, data::values, oracle, oracle_noise::gumbels, oracle_refine::refined,
    oracle_top_k,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    case::{Case, Function, Path},
    compare::{Expected, Precision, Wanted},
    judge::{Call, Row, judge, outcome},
    scores::{Rows, tensor, view},
    wanted::Line,
    weighed::{Scheme, Weights},
};

pub fn run<const D: usize>(case: &Case) -> Result<(), String> {
    let mut rng = StdRng::seed_from_u64(case.seed);
    let device = case.backend.device();
    let rows = Rows::Along(case.dim);
    let shape: [usize; D] = case.shape[..].try_into().expect("a shape of the rank");
    let change = |x: f64| match case.function {
        _ if !case.takes_masses() => x,
        _ if x == f64::NEG_INFINITY => x,
        _ => x.abs(),
    };
    let sign = if case.function == Function::SoftArgmin {
        -1.0
    } else {
        1.0
    };
    let x = view(
        (case.values, case.layout),
        (shape, rows),
        |x| sign * change(x),
        (case.dtype, &device),
        &mut rng,
    );
    let leaf = x.detach().require_grad();
    let x = match case.path {
        Path::Owned => leaf.clone() * 1.0,
        _ => leaf.clone(),
    };
    let call = call(case, x, &mut rng);
    judge(case, (leaf, rows), call, &mut rng)
}

fn call<'a, const D: usize>(case: &'a Case, x: Tensor<D>, rng: &mut StdRng) -> Call<'a> {
    match case.function {
        Function::SoftArgmaxOver => over(case, x, rng),
        Function::StraightThroughSelect => select(case, x, rng),
        Function::SampledOneHot | Function::GumbelSoftmax => sampled(case, x),
        Function::HistogramLoss | Function::EntmaxLoss | Function::ExpectedDistanceLoss => {
            of_targets(case, x, rng)
        }
        Function::SoftArgmax
        | Function::SoftArgmin
        | Function::SoftArgmaxMoments
        | Function::StraightThroughArgmax => indices(case, x),
        _ => of_each_score(case, x),
    }
}

fn call_of<'a, const D: usize>(
    case: &Case,
    results: Vec<Tensor<D>>,
    expect: impl Fn(Row) -> Expected + 'a,
) -> Call<'a> {
    let rows = Rows::Along(case.dim);
    let outcomes = results.into_iter();
    Call {
        outcomes: outcomes.map(|y| outcome(y, rows, case.path)).collect(),
        expect: Box::new(expect),
        other: None,
    }
}

fn expected(results: Vec<Wanted>, slopes: Wanted) -> Expected {
    Expected {
        results,
        slopes,
        shares: Vec::new(),
    }
}

/// Moments of the index.
fn indices<'a, const D: usize>(case: &'a Case, x: Tensor<D>) -> Call<'a> {
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
fn over<'a, const D: usize>(case: &'a Case, x: Tensor<D>, rng: &mut StdRng) -> Call<'a> {
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

/// The row of a code book.
fn select<'a, const D: usize>(case: &'a Case, x: Tensor<D>, rng: &mut StdRng) -> Call<'a> {
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
            slopes: of_surrogate(case, &of_products, &precision, 1e-6 * size),
            shares: shares.map(|(f, &u)| (chosen * features + f, u)).collect(),
        }
    });
    call.other = Some((
        case.dtype,
        Box::new(move |gradients| values(book.grad(gradients).expect("a gradient of the codes"))),
    ));
    call
}

/// What comes back from a hard choice.
fn surrogate(case: &Case) -> Surrogate {
    match case.scheme.weights {
        Weights::Softmax { beta } | Weights::Above { beta, .. } | Weights::Entmax { beta, .. } => {
            Surrogate::Softmax { beta }
        }
        Weights::Given => Surrogate::Identity,
    }
}

/// Its gradient for an upstream that is off by so much.
fn of_surrogate(case: &Case, row: &Row, precision: &Precision, off: f64) -> Wanted {
    match surrogate(case) {
        Surrogate::Softmax { beta } => {
            let sizes = [row.scores.len()];
            let line = Line::new(row, &sizes, Scheme::softmax(beta), precision, true);
            line.slopes(|i| row.upstream[0][i])
        }
        _ => Wanted::within(row.upstream[0].clone(), |_| off),
    }
}

/// The first NaN, or else the first maximum.
fn first_of(scores: &[f64]) -> usize {
    let nan = scores.iter().position(|x| x.is_nan());
    nan.unwrap_or_else(|| {
        (0..scores.len()).fold(0, |top, i| if scores[i] > scores[top] { i } else { top })
    })
}

/// Functions that give a number for each score.
fn of_each_score<'a, const D: usize>(case: &'a Case, x: Tensor<D>) -> Call<'a> {
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

/// Draws with the noise that is documented.
fn sampled<'a, const D: usize>(case: &'a Case, x: Tensor<D>) -> Call<'a> {
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

/// Losses of each row with a target.
fn of_targets<'a, const D: usize>(case: &'a Case, x: Tensor<D>, rng: &mut StdRng) -> Call<'a> {
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
        0.0
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
