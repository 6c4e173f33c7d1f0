//! Calls an operator both ways, and compares each row with what is wanted of it.

use burn::tensor::{DType, Gradients, Tensor};
use burn_argmax_tests::{
    check::{UNDERFLOW, largest},
    data::values,
};
use rand::{RngExt, rngs::StdRng};

use crate::{
    case::{Case, Path, Upstream},
    compare::{Expected, Precision, Wanted},
    scores::{Rows, tensor},
};

/// Rows of an upstream gradient, as the dtype has them, and the loss that it is the gradient of.
type Loss = (Vec<Vec<f64>>, Tensor<1>);

/// The same from the numbers that are to come from upstream.
type LossOf = Box<dyn FnOnce(&[Vec<f64>]) -> Loss>;

/// A result, row by row.
pub struct Outcome {
    rows: Vec<Vec<f64>>,
    loss: LossOf,
}

/// A row of scores, and what comes from upstream to each of its results.
pub struct Row<'a> {
    pub index: usize,
    pub scores: &'a [f64],
    pub upstream: &'a [Vec<f64>],
}

impl Row<'_> {
    /// Whether nothing comes from upstream but to masks, if there is a number for each score.
    pub fn is_silent(&self, has_one_for_each: bool) -> bool {
        let mut upstream = self.upstream.iter().flatten().enumerate();
        let is_mask = |i: usize| has_one_for_each && self.scores[i] == f64::NEG_INFINITY;
        upstream.all(|(i, &g)| g == 0.0 || is_mask(i))
    }
}

/// The gradient of another argument than the scores.
type Other<'a> = Box<dyn Fn(&Gradients) -> Vec<f64> + 'a>;

/// The results of an operator, what is wanted of a row of them, and the gradient of another argument.
pub struct Call<'a> {
    pub outcomes: Vec<Outcome>,
    pub expect: Box<dyn Fn(Row) -> Expected + 'a>,
    pub other: Option<(DType, Other<'a>)>,
}

/// A result of an operator on such rows.
pub fn outcome<const R: usize>(result: Tensor<R>, rows: Rows, path: Path) -> Outcome {
    let shape = result.dims();
    let options = (result.dtype(), result.device());
    Outcome {
        rows: rows.of(&values(result.clone()), shape),
        loss: Box::new(move |upstream| {
            let upstream = tensor(rows.join(upstream, shape), shape, options.0, &options.1);
            let rounded = rows.of(&values(upstream.clone()), shape);
            let turned = |tensor: Tensor<R>| match path {
                Path::Transposed => tensor.swap_dims(0, R - 1),
                _ => tensor,
            };
            // A gradient of ones is that of the sum alone, in whatever memory that takes.
            let weighted = match rounded.iter().flatten().all(|&u| u == 1.0) {
                true => turned(result),
                false => turned(result) * turned(upstream),
            };
            (rounded, weighted.sum())
        }),
    }
}

/// What comes from upstream to a result of a row.
fn upstream(case: &Case, scores: &[f64], count: usize, rng: &mut StdRng) -> Vec<f64> {
    let mut normal: Vec<f64> = (0..count).map(|_| rng.random_range(-4.0..4.0)).collect();
    match case.upstream {
        Upstream::Ones => normal.fill(1.0),
        Upstream::Nothing => normal.fill(0.0),
        Upstream::ToSome if rng.random_bool(0.5) => normal.fill(0.0),
        Upstream::Huge => {
            let huge = match case.dtype {
                DType::F16 => 1e4,
                _ => 1e30,
            };
            normal.iter_mut().for_each(|u| *u *= huge);
        }
        Upstream::InfiniteAtMasks if case.function.has_one_for_each() => {
            let masked = normal.iter_mut().zip(scores);
            let masked = masked.filter(|(_, x)| **x == f64::NEG_INFINITY);
            masked.for_each(|(u, _)| *u = f64::INFINITY);
        }
        _ => {}
    }
    normal
}

/// What of a call is not as it is wanted.
pub fn judge<const D: usize>(
    case: &Case,
    (leaf, rows): (Tensor<D>, Rows),
    call: Call,
    rng: &mut StdRng,
) -> Result<(), String> {
    let precision = Precision::of(case.dtype);
    let shape = leaf.dims();
    let scores = rows.of(&values(leaf.clone()), shape);
    let (mut results, mut upstreams) = (Vec::new(), vec![Vec::new(); scores.len()]);
    let mut losses = Vec::new();
    for outcome in call.outcomes {
        let of_rows = scores.iter().zip(&outcome.rows);
        let wanted: Vec<Vec<f64>> = of_rows
            .map(|(scores, row)| upstream(case, scores, row.len(), rng))
            .collect();
        let (rounded, loss) = (outcome.loss)(&wanted);
        for (upstreams, row) in upstreams.iter_mut().zip(rounded) {
            upstreams.push(row);
        }
        results.push(outcome.rows);
        losses.push(loss);
    }
    let loss = losses.into_iter().reduce(|sum, loss| sum + loss);
    let gradients = loss.expect("a result").backward();
    let slopes = leaf.grad(&gradients).ok_or("no gradient")?;
    if slopes.dtype() != case.dtype {
        return Err(format!("a gradient in {:?}", slopes.dtype()));
    }
    let slopes = rows.of(&values(slopes), shape);

    let mut of_other = Vec::new();
    for (index, (scores, upstream)) in scores.iter().zip(&upstreams).enumerate() {
        let expected = (call.expect)(Row {
            index,
            scores,
            upstream,
        });
        let differ = |got: &[f64], want: &Wanted, ulps: f64, what: &str| {
            let differ = precision.differ(got, want, ulps);
            let Some(how) = differ else { return Ok(()) };
            let of_row = match scores.len() {
                0..8 => format!(" {scores:?} with {upstream:?} from upstream"),
                _ => String::new(),
            };
            Err(format!("{what} of row {index}{of_row}: {how}"))
        };
        for (result, want) in results.iter().zip(&expected.results) {
            differ(&result[index], want, 1.0, "result")?;
        }
        differ(&slopes[index], &expected.slopes, 2.0, "gradient")?;
        of_other.extend(expected.shares);
    }
    let Some((dtype, other)) = call.other else {
        return Ok(());
    };
    let sums = [precision.slopes(scores[0].len()), UNDERFLOW];
    judge_other(&other(&gradients), &of_other, sums, &Precision::of(dtype))
}

/// The sums of what rows add to the gradient of another argument.
fn judge_other(
    got: &[f64],
    shares: &[(usize, f64)],
    [share, least]: [f64; 2],
    precision: &Precision,
) -> Result<(), String> {
    let (mut sums, mut sizes) = (vec![0.0; got.len()], vec![0.0; got.len()]);
    for &(place, share) in shares {
        sums[place] += share;
        sizes[place] += share.abs();
    }
    let finite: Vec<f64> = sizes.iter().copied().filter(|x| x.is_finite()).collect();
    let share = match precision.is_wide() {
        true => share,
        false => 2e-4,
    };
    let within = share * largest(&finite) + least;
    let mut want = Wanted::within(sums, |_| within);
    for (within, size) in want.within.iter_mut().zip(sizes) {
        if size == f64::INFINITY {
            *within = size;
        }
    }
    let differ = precision.differ(got, &want, 2.0);
    differ.map_or(Ok(()), |how| {
        Err(format!("gradient of the other argument: {how}"))
    })
}
