// Every function of scores, every weighting and every module, in every dtype, at the sizes that users
// have, with rows that are broken.

use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{
    Coordinates, Surrogate, Weighting, entmax, losses,
    nn::{SoftArgmaxConfig, SpatialSoftArgmaxConfig, StraightThroughOneHotConfig},
    sign_one_hot, soft_argmax, soft_argmax_moments, soft_argmax_over, soft_argmin,
    soft_argmin_over, softmax, spatial_soft_argmax, spatial_soft_argmax_moments, spatial_softmax,
    straight_through_one_hot,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{uniform, values},
    device::{UNLISTED, computes},
    oracle_entmax,
    rounding::Rounding,
};

use super::device;

const ROWS: usize = 6;
const BETA: f64 = 1.5;
const LEVEL: f64 = 0.25;
const RADIUS: usize = 3;
const SIGMA: f64 = 2.0;
/// Of the peak of the first row, of which the rest is 0.
const PEAK: [usize; 2] = [30, 200];

/// Two dimensions of a map; a line has one row.
type Sizes = [usize; 2];

/// A function of `[1, rows, n]`, whose rows may be maps, that gives so many numbers a row.
struct Function {
    name: &'static str,
    ours: fn(Tensor<3>, Sizes) -> Tensor<3>,
    /// The same of one row, in f64.
    oracle: fn(&[f64], Sizes) -> Vec<f64>,
    /// Whether it takes probabilities.
    probabilities: bool,
    /// Whether its gradient is a surrogate, and not that of the oracle.
    surrogate: bool,
}

const fn function(
    name: &'static str,
    ours: fn(Tensor<3>, Sizes) -> Tensor<3>,
    oracle: fn(&[f64], Sizes) -> Vec<f64>,
) -> Function {
    Function {
        name,
        ours,
        oracle,
        probabilities: false,
        surrogate: false,
    }
}

impl Function {
    const fn of_probabilities(mut self) -> Self {
        self.probabilities = true;
        self
    }

    const fn with_surrogate(mut self) -> Self {
        self.surrogate = true;
        self
    }
}

/// Weights of a row, divided by their sum; all NaN where there are none.
fn weights(x: &[f64], of: impl Fn(f64) -> f64) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if x.iter().any(|x| x.is_nan()) || max.is_infinite() {
        return vec![f64::NAN; x.len()];
    }
    let weight = |&x: &f64| if x == f64::NEG_INFINITY { 0.0 } else { of(x) };
    let weights: Vec<f64> = x.iter().map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

fn softmax_of(beta: f64, x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    weights(x, |x| (beta * (x - max)).exp())
}

fn by_softmax(x: &[f64], _: Sizes) -> Vec<f64> {
    softmax_of(BETA, x)
}

/// With the beta that a module starts to learn from, whose logarithm is exact.
fn by_learnt_softmax(x: &[f64], _: Sizes) -> Vec<f64> {
    softmax_of(1.0, x)
}

fn above(x: &[f64], _: Sizes) -> Vec<f64> {
    weights(x, |x| (BETA * (x - LEVEL)).exp_m1().max(0.0))
}

fn given(x: &[f64], _: Sizes) -> Vec<f64> {
    weights(x, |x| x)
}

fn within(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let all = by_softmax(x, sizes);
    let first = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = x.iter().position(|&x| x == first).unwrap_or(0);
    let near = |entry: usize| {
        let axes = [usize::div_euclid, usize::rem_euclid];
        axes.iter()
            .all(|along| along(entry, sizes[1]).abs_diff(along(first, sizes[1])) <= RADIUS)
    };
    let inside = |(entry, p): (usize, f64)| if near(entry) { p } else { 0.0 };
    let weights: Vec<f64> = all.into_iter().enumerate().map(inside).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

const ALPHA: f64 = 1.3;

fn by_entmax(x: &[f64], _: Sizes) -> Vec<f64> {
    oracle_entmax::entmax(x, ALPHA, BETA)
}

fn by_learnt_entmax(x: &[f64], _: Sizes) -> Vec<f64> {
    oracle_entmax::entmax(x, ALPHA, 1.0)
}

fn within_by_entmax(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let inside = within(x, sizes);
    if inside.iter().any(|p| p.is_nan()) {
        return inside;
    }
    let masked = x.iter().zip(inside);
    let masked: Vec<f64> = masked
        .map(|(&x, p)| if p == 0.0 { f64::NEG_INFINITY } else { x })
        .collect();
    by_entmax(&masked, sizes)
}

/// How rows become weights in the oracle.
type Weights = fn(&[f64], Sizes) -> Vec<f64>;

/// The mean and the variance of a coordinate under weights.
fn moments(p: &[f64], coordinate: impl Fn(usize) -> f64) -> [f64; 2] {
    let mean: f64 = p.iter().enumerate().map(|(i, p)| p * coordinate(i)).sum();
    let square = |i| (coordinate(i) - mean).powi(2);
    let variance = p.iter().enumerate().map(|(i, p)| p * square(i)).sum();
    [mean, variance]
}

fn mean_of_line(weights: Weights, x: &[f64]) -> Vec<f64> {
    vec![moments(&weights(x, [1, x.len()]), |i| i as f64)[0]]
}

fn variance_of_line(weights: Weights, x: &[f64]) -> Vec<f64> {
    vec![moments(&weights(x, [1, x.len()]), |i| i as f64)[1]]
}

/// x and y, in the units that a function gives them.
fn mean_of_map(
    weights: Weights,
    x: &[f64],
    sizes: Sizes,
    unit: fn(usize, usize) -> f64,
) -> Vec<f64> {
    let p = weights(x, sizes);
    let [height, width] = sizes;
    let [x, _] = moments(&p, |i| unit(i % width, width));
    let [y, _] = moments(&p, |i| unit(i / width, height));
    vec![x, y]
}

fn index(i: usize, _: usize) -> f64 {
    i as f64
}

fn align_corners(i: usize, size: usize) -> f64 {
    2.0 * i as f64 / (size as f64 - 1.0).max(1.0) - if size == 1 { 0.0 } else { 1.0 }
}

fn cell_centers(i: usize, size: usize) -> f64 {
    (2 * i + 1) as f64 / size as f64 - 1.0
}

/// Bins from 1 to 2, whose number `n` is a power of two or not.
fn bin(i: usize, n: usize) -> f64 {
    f64::from(1.0 + i as f32 / n as f32)
}

fn bins(n: usize, device: &Device) -> Tensor<1> {
    let bins: Vec<f32> = (0..n).map(|i| bin(i, n) as f32).collect();
    Tensor::from_data(TensorData::new(bins, [n]), (device, DType::F32))
}

fn first_maximum(x: &[f64]) -> Vec<f64> {
    let ranks = x
        .iter()
        .map(|x| if x.is_nan() { f64::INFINITY } else { *x });
    let max = ranks.clone().fold(f64::NEG_INFINITY, f64::max);
    let first = ranks.clone().position(|x| x == max);
    (0..x.len()).map(|i| f64::from(first == Some(i))).collect()
}

fn within_line() -> Weighting {
    Weighting::softmax(BETA).within(RADIUS)
}

fn entmax_line() -> Weighting {
    Weighting::entmax(ALPHA, BETA)
}

fn above_line() -> Weighting {
    Weighting::softmax(BETA).above(LEVEL)
}

/// Functions along the last of three dimensions.
const OF_LINES: [Function; 25] = [
    function(
        "soft_argmax",
        |x, _| soft_argmax(x, 2, BETA),
        |x, _| mean_of_line(by_softmax, x),
    ),
    function(
        "soft_argmax, within",
        |x, _| soft_argmax(x, 2, within_line()),
        |x, _| mean_of_line(within, x),
    ),
    function(
        "soft_argmax, above",
        |x, _| soft_argmax(x, 2, above_line()),
        |x, _| mean_of_line(above, x),
    ),
    function(
        "soft_argmax, given",
        |x, _| soft_argmax(x, 2, Weighting::given()),
        |x, _| mean_of_line(given, x),
    )
    .of_probabilities(),
    function(
        "soft_argmin",
        |x, _| soft_argmin(-x, 2, BETA),
        |x, _| mean_of_line(by_softmax, x),
    ),
    function(
        "soft_argmax_over",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmax_over(x, bins, 2, BETA)
        },
        |x, _| vec![moments(&by_softmax(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmax_over, within",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmax_over(x, bins, 2, within_line())
        },
        |x, _| vec![moments(&within(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmax_over, above",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmax_over(x, bins, 2, above_line())
        },
        |x, _| vec![moments(&above(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmin_over",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmin_over(-x, bins, 2, BETA)
        },
        |x, _| vec![moments(&by_softmax(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmax_moments, mean",
        |x, _| soft_argmax_moments(x, 2, BETA).mean,
        |x, _| mean_of_line(by_softmax, x),
    ),
    function(
        "soft_argmax_moments, variance",
        |x, _| soft_argmax_moments(x, 2, BETA).variance,
        |x, _| variance_of_line(by_softmax, x),
    ),
    function(
        "soft_argmax_moments, within, variance",
        |x, _| soft_argmax_moments(x, 2, within_line()).variance,
        |x, _| variance_of_line(within, x),
    ),
    function(
        "soft_argmax_moments, above, variance",
        |x, _| soft_argmax_moments(x, 2, above_line()).variance,
        |x, _| variance_of_line(above, x),
    ),
    function("softmax", |x, _| softmax(x, 2, BETA), by_softmax),
    function("entmax", |x, _| entmax(x, 2, ALPHA, BETA), by_entmax),
    function(
        "soft_argmax, entmax",
        |x, _| soft_argmax(x, 2, entmax_line()),
        |x, _| mean_of_line(by_entmax, x),
    ),
    function(
        "soft_argmax, entmax, within",
        |x, _| soft_argmax(x, 2, entmax_line().within(RADIUS)),
        |x, _| mean_of_line(within_by_entmax, x),
    ),
    function(
        "soft_argmax_over, entmax",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmax_over(x, bins, 2, entmax_line())
        },
        |x, _| vec![moments(&by_entmax(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmax_moments, entmax, variance",
        |x, _| soft_argmax_moments(x, 2, entmax_line()).variance,
        |x, _| variance_of_line(by_entmax, x),
    ),
    function(
        "straight_through_one_hot, softmax",
        |x, _| straight_through_one_hot(x, 2, Surrogate::Softmax { beta: BETA }),
        |x, _| first_maximum(x),
    )
    .with_surrogate(),
    function(
        "sign_one_hot",
        |x, _| sign_one_hot(x, 2),
        |x, _| {
            let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let nan = x.iter().any(|x| x.is_nan());
            let one = |&x: &f64| if nan { f64::NAN } else { f64::from(x == max) };
            x.iter().map(one).collect()
        },
    )
    .with_surrogate(),
    function(
        "SoftArgmax",
        |x, _| {
            let config = SoftArgmaxConfig::new().with_weighting(above_line());
            config.with_dim(2).init(&x.device()).forward(x)
        },
        |x, _| mean_of_line(above, x),
    ),
    function(
        "SoftArgmax, learnt",
        |x, _| {
            let config = SoftArgmaxConfig::new().with_weighting(Weighting::softmax(1.0));
            let config = config.with_dim(2).with_learnable(true);
            config.init(&x.device()).forward(x)
        },
        |x, _| mean_of_line(by_learnt_softmax, x),
    ),
    function(
        "SoftArgmax, entmax, learnt",
        |x, _| {
            let config = SoftArgmaxConfig::new().with_weighting(Weighting::entmax(ALPHA, 1.0));
            let config = config.with_dim(2).with_learnable(true);
            config.init(&x.device()).forward(x)
        },
        |x, _| mean_of_line(by_learnt_entmax, x),
    ),
    function(
        "StraightThroughOneHot",
        |x, _| {
            let config = StraightThroughOneHotConfig::new(Surrogate::Softmax { beta: BETA });
            config.with_dim(2).init(&x.device()).forward(x)
        },
        |x, _| first_maximum(x),
    )
    .with_surrogate(),
];

/// Rows as maps `[1, rows, height, width]`.
fn maps(x: Tensor<3>, [height, width]: Sizes) -> Tensor<4> {
    let rows = x.dims()[1];
    x.reshape([1, rows, height, width])
}

fn covariance_of_map(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let p = by_softmax(x, sizes);
    let at = |i: usize| [index(i % sizes[1], 0), index(i / sizes[1], 0)];
    let mean = [0, 1].map(|axis| moments(&p, |i| at(i)[axis])[0]);
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let product = |i, (a, b): (usize, usize)| (at(i)[a] - mean[a]) * (at(i)[b] - mean[b]);
    pairs
        .map(|pair| {
            p.iter()
                .enumerate()
                .map(|(i, p)| p * product(i, pair))
                .sum()
        })
        .to_vec()
}

/// The variances of a map less that of the target, squared.
fn variance_of_map(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let p = given(x, sizes);
    let [_, x] = moments(&p, |i| index(i % sizes[1], 0));
    let [_, y] = moments(&p, |i| index(i / sizes[1], 0));
    vec![
        [x, y]
            .map(|variance| (variance - SIGMA * SIGMA).powi(2))
            .iter()
            .sum(),
    ]
}

const OF_MAPS: [Function; 14] = [
    function(
        "spatial_soft_argmax",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), BETA, Coordinates::Index),
        |x, sizes| mean_of_map(by_softmax, x, sizes, index),
    ),
    function(
        "spatial_soft_argmax, corners",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), BETA, Coordinates::AlignCorners),
        |x, sizes| mean_of_map(by_softmax, x, sizes, align_corners),
    ),
    function(
        "spatial_soft_argmax, within",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), within_line(), Coordinates::CellCenters),
        |x, sizes| mean_of_map(within, x, sizes, cell_centers),
    ),
    function(
        "spatial_soft_argmax, above",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), above_line(), Coordinates::CellCenters),
        |x, sizes| mean_of_map(above, x, sizes, cell_centers),
    ),
    function(
        "spatial_soft_argmax, given",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), Weighting::given(), Coordinates::Index),
        |x, sizes| mean_of_map(given, x, sizes, index),
    )
    .of_probabilities(),
    function(
        "spatial_soft_argmax, entmax",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), entmax_line(), Coordinates::Index),
        |x, sizes| mean_of_map(by_entmax, x, sizes, index),
    ),
    function(
        "spatial_soft_argmax, entmax, within",
        |x, sizes| {
            let weighting = entmax_line().within(RADIUS);
            spatial_soft_argmax(maps(x, sizes), weighting, Coordinates::CellCenters)
        },
        |x, sizes| mean_of_map(within_by_entmax, x, sizes, cell_centers),
    ),
    function(
        "spatial_soft_argmax_moments, entmax, mean",
        |x, sizes| {
            spatial_soft_argmax_moments(maps(x, sizes), entmax_line(), Coordinates::Index).mean
        },
        |x, sizes| mean_of_map(by_entmax, x, sizes, index),
    ),
    function(
        "spatial_soft_argmax_moments, mean",
        |x, sizes| {
            spatial_soft_argmax_moments(maps(x, sizes), above_line(), Coordinates::Index).mean
        },
        |x, sizes| mean_of_map(above, x, sizes, index),
    ),
    function(
        "spatial_soft_argmax_moments, covariance",
        |x, sizes| {
            let rows = x.dims()[1];
            let moments = spatial_soft_argmax_moments(maps(x, sizes), BETA, Coordinates::Index);
            moments.covariance.reshape([1, rows, 4])
        },
        covariance_of_map,
    ),
    function(
        "spatial_softmax",
        |x, sizes| {
            let shape = x.dims();
            spatial_softmax(maps(x, sizes), BETA).reshape(shape)
        },
        by_softmax,
    ),
    function(
        "SpatialSoftArgmax",
        |x, sizes| {
            let config = SpatialSoftArgmaxConfig::new(Coordinates::Index);
            let config = config.with_weighting(within_line());
            config.init(&x.device()).forward(maps(x, sizes))
        },
        |x, sizes| mean_of_map(within, x, sizes, index),
    ),
    function(
        "SpatialSoftArgmax, learnt",
        |x, sizes| {
            let config = SpatialSoftArgmaxConfig::new(Coordinates::Index);
            let config = config
                .with_weighting(Weighting::softmax(1.0))
                .with_learnable(true);
            config.init(&x.device()).forward(maps(x, sizes))
        },
        |x, sizes| mean_of_map(by_learnt_softmax, x, sizes, index),
    ),
    function(
        "variance_loss",
        |x, sizes| {
            let rows = x.dims()[1];
            losses::variance_loss(maps(x, sizes), SIGMA).reshape([1, rows, 1])
        },
        variance_of_map,
    )
    .of_probabilities(),
];

/// The rows: a faint peak, values of all sizes with masks, masks only, a NaN, `+inf`, and a NaN to which
/// nothing comes from upstream.
fn scores([height, width]: Sizes, probabilities: bool) -> Vec<f32> {
    let n = height * width;
    let mut scores = vec![0.0; ROWS * n];
    let peak = (PEAK[0] % height) * width + PEAK[1] % width;
    scores[peak] = 1.0;
    let rest = uniform(71, (ROWS - 1) * n);
    for (score, value) in scores[n..].iter_mut().zip(rest) {
        *score = match probabilities {
            true => value.abs() / 64.0,
            false => value,
        };
    }
    let row = |row: usize, at: usize| row * n + at * n / 8;
    scores[row(1, 3)] = f32::NEG_INFINITY;
    scores[row(1, 5)] = f32::NEG_INFINITY;
    scores[row(1, 4)] = if probabilities { 0.5 } else { 6.0 };
    scores[2 * n..3 * n].fill(f32::NEG_INFINITY);
    scores[row(3, 1)] = f32::NAN;
    scores[row(3, 2)] = f32::NEG_INFINITY;
    scores[row(4, 7)] = f32::INFINITY;
    scores[row(5, 1)] = f32::NAN;
    scores
}

/// The slope of `sum(upstream * oracle(row))` along an entry.
fn slope(function: &Function, row: &[f64], sizes: Sizes, upstream: &[f64], at: usize) -> f64 {
    if row[at] == f64::NEG_INFINITY {
        return 0.0;
    }
    // As large as the rounding of long sums asks for, and small beside the row: near a threshold a slope turns.
    let smallest = if function.probabilities { 1e-2 } else { 0.1 };
    let step = 2e-4 * row[at].abs().max(smallest);
    let mut moved = row.to_vec();
    let [before, after] = [-step, step].map(|step| {
        moved[at] = row[at] + step;
        (function.oracle)(&moved, sizes)
    });
    let terms = before.iter().zip(&after).zip(upstream);
    let terms = terms.filter(|(_, upstream)| upstream.is_finite());
    terms
        .map(|((before, after), upstream)| upstream * (after - before) / (2.0 * step))
        .sum()
}

/// A function of scores of a dtype, against the oracle on the rounded scores.
#[track_caller]
fn assert_function(
    function: &Function,
    sizes: Sizes,
    scores: &[f32],
    dtype: DType,
    device: &Device,
) {
    println!("{} of {sizes:?} in {dtype:?}", function.name);
    let n = sizes[0] * sizes[1];
    let data = TensorData::new(scores.to_vec(), [1, ROWS, n]).convert_dtype(dtype);
    let x = || Tensor::<3>::from_data(data.clone(), (device, dtype));
    let leaf = x().require_grad();
    let y = (function.ours)(leaf.clone(), sizes);
    assert_eq!(y.dtype(), dtype);
    let rounding = Rounding::of(dtype);
    let rows = values(x());
    let rows: Vec<&[f64]> = rows.chunks(n).collect();
    let got = values(y.clone());
    let results = got.len() / ROWS;
    assert_eq!(y.dims(), [1, ROWS, results]);

    for (row, got) in rows.iter().zip(got.chunks(results)) {
        let want = (function.oracle)(row, sizes);
        // A position is as exact as its unit, wherever that begins.
        let scale = largest(&want).max(if results == n { 0.0 } else { 1.0 });
        assert_within(got, &rounding.round(&want), |want| {
            rounding.ulp(want) + rounding.sums(n) * scale
        });
    }

    // Up to the last row, to which nothing comes; infinite at a mask where there is a number for each.
    let mut upstream: Vec<f32> = (0..results).map(|i| [1.0, -0.5, 2.0][i % 3]).collect();
    upstream = upstream.repeat(ROWS);
    upstream[(ROWS - 1) * results..].fill(0.0);
    if results == n && !UNLISTED {
        upstream[n + 3 * n / 8] = f32::INFINITY;
    }
    let of_y = TensorData::new(upstream.clone(), [1, ROWS, results]).convert_dtype(dtype);
    let gradient = |leaf: Tensor<3>, y: Tensor<3>| {
        let gradients = (y * Tensor::from_data(of_y.clone(), (device, dtype))).backward();
        leaf.grad(&gradients).expect("a leaf")
    };
    // 0 times what is NaN is NaN in the product, but not in the upstream gradient.
    let slopes = gradient(leaf, y);
    assert_eq!(slopes.dtype(), dtype);
    let slopes = values(slopes);
    for (row, slopes) in slopes.chunks(n).enumerate() {
        let x = rows[row];
        let upstream: Vec<f64> = upstream[row * results..][..results]
            .iter()
            .map(|&u| u.into())
            .collect();
        if row == ROWS - 1 {
            assert_exact(slopes, &vec![0.0; n]);
        } else if row > 1 {
            let is_right = |(slope, x): (&f64, &f64)| match *x == f64::NEG_INFINITY {
                true => *slope == 0.0,
                false => function.surrogate || slope.is_nan(),
            };
            assert!(slopes.iter().zip(x).all(is_right), "row {row}");
        } else if !function.surrogate {
            let peak = (0..n).fold(0, |top, i| if x[i] > x[top] { i } else { top });
            let places = [0, n / 3, peak, (peak + 1).min(n - 1)];
            let want = places.map(|at| slope(function, x, sizes, &upstream, at));
            let got = places.map(|at| slopes[at]);
            let scale = largest(&want);
            assert_within(&got, &rounding.round(&want), |want| {
                2.0 * rounding.ulp(want) + 2e-4 * scale
            });
        }
    }

    if dtype != DType::F32 {
        return;
    }
    // A view gives bit for bit what its contiguous copy gives, and nothing gives nothing.
    let apart = x().swap_dims(1, 2).mul_scalar(1.0).require_grad();
    let y = (function.ours)(apart.clone().swap_dims(1, 2), sizes);
    assert_exact(&values(y.clone()), &got);
    let again = gradient(apart, y).swap_dims(1, 2);
    assert_exact(&values(again), &slopes);

    let none = Tensor::<3>::zeros([1, 0, n], (device, dtype)).require_grad();
    let y = (function.ours)(none.clone(), sizes);
    assert_eq!(y.dims(), [1, 0, results]);
    let gradient = none.grad(&y.sum().backward()).expect("a leaf");
    assert_eq!(gradient.dims(), [1, 0, n]);
}

#[track_caller]
fn assert_functions(functions: &[Function], sizes: Sizes) {
    let Some(device) = device() else { return };
    let inputs = [false, true].map(|probabilities| scores(sizes, probabilities));
    for function in functions {
        let scores = &inputs[usize::from(function.probabilities)];
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
            if computes(&device, dtype) {
                assert_function(function, sizes, scores, dtype, &device);
            }
        }
    }
}

#[test]
fn of_lines_of_many_thousands() {
    assert_functions(&OF_LINES, [1, 100_000]);
}

#[test]
fn of_short_lines() {
    assert_functions(&OF_LINES, [1, 64]);
}

#[test]
fn of_maps_of_256() {
    assert_functions(&OF_MAPS, [256, 256]);
}

#[test]
fn of_small_maps() {
    assert_functions(&OF_MAPS, [48, 40]);
}
