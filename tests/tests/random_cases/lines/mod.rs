//! Functions along a dimension.

mod choices;
mod each_score;
mod indices;
mod targets;

use burn::tensor::Tensor;
use burn_argmax::Surrogate;
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    case::{Case, Function, Path},
    compare::{Expected, Precision, Wanted},
    judge::{Call, Row, judge, outcome},
    scores::{Rows, view},
    wanted::Line,
    weighed::{Scheme, Weights},
};

use choices::{sampled, select};
use each_score::of_each_score;
use indices::{indices, over};
use targets::of_targets;

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
