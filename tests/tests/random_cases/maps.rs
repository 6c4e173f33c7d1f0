//! Functions of maps.

use burn::tensor::Tensor;
use burn_argmax::{
    Coordinates, losses::variance_loss, refined_spatial_argmax, spatial_soft_argmax,
    spatial_soft_argmax_moments, spatial_softmax, straight_through_spatial_argmax,
};
use burn_argmax_tests::{check::largest, oracle_refine::refined, oracle_spatial::positions};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    case::{Case, Function, Path},
    compare::{Expected, Precision, Wanted},
    judge::{Call, Row, judge, outcome},
    scores::{Rows, view},
    wanted::Line,
    weighed::{Scheme, Weighed, Weights},
};

pub fn run<const D: usize>(case: &Case) -> Result<(), String> {
    let mut rng = StdRng::seed_from_u64(case.seed);
    let device = case.backend.device();
    let shape: [usize; D] = case.shape[..].try_into().expect("a shape of the rank");
    let change = |x: f64| match x {
        f64::NEG_INFINITY => x,
        _ if case.takes_masses() => x.abs(),
        _ => x,
    };
    let x = view(
        (case.values, case.layout),
        (shape, Rows::Maps),
        change,
        (case.dtype, &device),
        &mut rng,
    );
    let leaf = x.detach().require_grad();
    let x = match case.path {
        Path::Owned => leaf.clone() * 1.0,
        _ => leaf.clone(),
    };
    let sigma = rng.random_range(0.5..4.0);
    let call = call(case, x, sigma);
    judge(case, (leaf, Rows::Maps), call, &mut rng)
}

fn call<const D: usize>(case: &Case, x: Tensor<D>, sigma: f64) -> Call<'_> {
    let (weighting, coordinates) = (case.scheme.weighting(), case.coordinates);
    let (_, beta) = case.alpha_and_beta();
    fn of<const R: usize>(case: &Case, result: Tensor<R>) -> crate::judge::Outcome {
        outcome(result, Rows::Maps, case.path)
    }
    let outcomes = match case.function {
        Function::SpatialSoftArgmax => {
            vec![of(case, spatial_soft_argmax(x, weighting, coordinates))]
        }
        Function::StraightThroughSpatialArgmax => vec![of(
            case,
            straight_through_spatial_argmax(x, weighting, coordinates),
        )],
        Function::SpatialSoftArgmaxMoments => {
            let moments = spatial_soft_argmax_moments(x, weighting, coordinates);
            vec![of(case, moments.mean), of(case, moments.covariance)]
        }
        Function::SpatialSoftmax => vec![of(case, spatial_softmax(x, beta))],
        Function::RefinedSpatialArgmax => vec![of(case, refined_spatial_argmax(x, coordinates))],
        _ => vec![of(case, variance_loss(x, sigma))],
    };
    let map = Map::new(case);
    Call {
        outcomes,
        expect: Box::new(move |row| match case.function {
            Function::SpatialSoftmax => map.probabilities(&row, beta),
            Function::RefinedSpatialArgmax => map.refined(&row),
            Function::VarianceLoss => map.variance_loss(&row, sigma),
            _ => map.moments(&row),
        }),
        other: None,
    }
}

/// The positions of a map.
struct Map<'a> {
    case: &'a Case,
    sizes: &'a [usize],
    positions: Vec<Vec<f64>>,
    precision: Precision,
}

impl<'a> Map<'a> {
    fn new(case: &'a Case) -> Self {
        let sizes = &case.shape[2..];
        Self {
            case,
            sizes,
            positions: positions(sizes),
            precision: Precision::of(case.dtype),
        }
    }

    fn axes(&self) -> usize {
        self.sizes.len()
    }

    fn size(&self, axis: usize) -> usize {
        self.sizes[self.axes() - 1 - axis]
    }

    /// Units of a pixel along an axis, and the coordinate of the first.
    fn unit(&self, axis: usize) -> [f64; 2] {
        let size = self.size(axis) as f64;
        match self.case.coordinates {
            Coordinates::AlignCorners if size == 1.0 => [0.0, 0.0],
            Coordinates::AlignCorners => [2.0 / (size - 1.0), -1.0],
            Coordinates::CellCenters => [2.0 / size, 1.0 / size - 1.0],
            _ => [1.0, 0.0],
        }
    }

    fn at(&self, pixel: usize, axis: usize) -> f64 {
        self.positions[pixel][axis]
    }

    fn mean(&self, weighed: &Weighed) -> Vec<f64> {
        let axes = 0..self.axes();
        axes.map(|axis| weighed.mean(|i| self.at(i, axis)))
            .collect()
    }

    /// Positions in pixels in the units asked for, each off by what a sum over its axis is.
    fn position(&self, pixels: Vec<f64>) -> Wanted {
        let axes = pixels.into_iter().enumerate();
        let each = axes.map(|(axis, pixel)| {
            let ([unit, first], size) = (self.unit(axis), self.size(axis));
            let (least, rounding) = match self.precision.is_wide() {
                true => (0.0, 4.0 * f64::EPSILON),
                false => (2e-5, 2.0 * f64::from(f32::EPSILON)),
            };
            let within = unit * self.precision.index(pixel, size).max(least);
            (first + unit * pixel, within + rounding * first.abs())
        });
        let (values, within) = each.unzip();
        Wanted { values, within }
    }

    fn moments(&self, row: &Row) -> Expected {
        let axes = self.axes();
        let unit = |axis: usize| self.unit(axis)[0];
        // What comes to pixels: nothing along an axis of one, whose coordinate stays.
        let of_axes = row.upstream[0].iter().enumerate();
        let mut upstream: Vec<f64> = of_axes.map(|(axis, g)| g * unit(axis)).collect();
        for (entry, g) in row.upstream[1..].iter().flatten().enumerate() {
            upstream.push(g * unit(entry / axes) * unit(entry % axes));
        }
        let of_pixels = [upstream];
        let row = &Row {
            upstream: &of_pixels,
            ..*row
        };
        let upstream = &of_pixels[0];
        let line = Line::new(row, self.sizes, self.case.scheme, &self.precision, false);
        let nan = || vec![f64::NAN; axes];
        let peak = || {
            line.weighed
                .as_ref()
                .map_or(nan(), |weighed| self.positions[weighed.peak].clone())
        };
        let position = match self.case.function {
            Function::StraightThroughSpatialArgmax => peak(),
            _ => line
                .weighed
                .as_ref()
                .map_or(nan(), |weighed| self.mean(weighed)),
        };
        let mut results = vec![self.position(position)];
        if self.case.function == Function::SpatialSoftArgmaxMoments {
            results.push(self.covariance(&line));
        }
        // Of every pixel anew it would take most of the time.
        let mean = line.weighed.as_ref().map(|weighed| self.mean(weighed));
        let mean = mean.unwrap_or_default();
        let slopes = line.slopes_of_terms(upstream.len(), |which, i| {
            let Some(entry) = which.checked_sub(axes) else {
                return upstream[which] * (self.at(i, which) - mean[which]);
            };
            let [a, b] = [entry / axes, entry % axes];
            let product = (self.at(i, a) - mean[a]) * (self.at(i, b) - mean[b]);
            upstream[which] * product
        });
        Expected {
            results,
            slopes,
            shares: Vec::new(),
        }
    }

    fn covariance(&self, line: &Line) -> Wanted {
        let axes = self.axes();
        let Some(weighed) = &line.weighed else {
            return Wanted::exact(vec![f64::NAN; axes * axes]);
        };
        let mean = self.mean(weighed);
        let of = |a: usize, b: usize| {
            weighed.mean(|i| (self.at(i, a) - mean[a]) * (self.at(i, b) - mean[b]))
        };
        let n = self.positions.len();
        let least = if self.precision.is_wide() {
            1e-14 * n as f64
        } else {
            1e-7
        };
        let entries = (0..axes * axes).map(|entry| {
            let [a, b] = [entry / axes, entry % axes];
            let units = self.unit(a)[0] * self.unit(b)[0];
            let size = (of(a, a) * of(b, b)).sqrt();
            let within = self.precision.sum(n) * size + least;
            (units * of(a, b), units * within)
        });
        let (values, within) = entries.unzip();
        Wanted { values, within }
    }

    fn probabilities(&self, row: &Row, beta: f64) -> Expected {
        let line = Line::new(
            row,
            self.sizes,
            Scheme::softmax(beta),
            &self.precision,
            true,
        );
        let n = row.scores.len();
        let p = line.weighed.as_ref();
        let p = p.map_or(vec![f64::NAN; n], |weighed| weighed.p.clone());
        let share = self.precision.sum(n);
        Expected {
            results: vec![Wanted::within(p, |p| share * p + 1e-37)],
            slopes: line.slopes(|i| row.upstream[0][i]),
            shares: Vec::new(),
        }
    }

    /// The position alone: where the surface is nearly flat, so is what its slopes tell.
    fn refined(&self, row: &Row) -> Expected {
        let is_sound = Scheme::softmax(1.0).of(row.scores, self.sizes).is_some();
        let mut position = self.position(match is_sound {
            true => refined(row.scores, self.sizes),
            false => vec![f64::NAN; self.axes()],
        });
        if self.axes() > 1 && is_sound {
            let peak = row.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let ulp = if self.precision.is_wide() {
                1e-15
            } else {
                2.5e-7
            };
            // The differences from the peak, each off by its own rounding.
            for turn in 0..4usize {
                let moved = row.scores.iter().enumerate().map(|(i, x)| {
                    let is_up = (i * 7 + turn * (i / 3 + 1)) % 2 == 0;
                    peak + (x - peak) * if is_up { 1.0 + ulp } else { 1.0 - ulp }
                });
                let moved = refined(&moved.collect::<Vec<_>>(), self.sizes);
                let moved = self.position(moved).values;
                let values = position.values.clone();
                position = position.or_between(&moved, &values);
            }
        }
        let n = row.scores.len();
        let mut slopes = Wanted::anything(n);
        for (within, x) in slopes.within.iter_mut().zip(row.scores) {
            if *x == f64::NEG_INFINITY || row.is_silent(false) {
                *within = 0.0;
            }
        }
        Expected {
            results: vec![position],
            slopes,
            shares: Vec::new(),
        }
    }

    fn variance_loss(&self, row: &Row, sigma: f64) -> Expected {
        let given = Scheme {
            weights: Weights::Given,
            radius: None,
        };
        let line = Line::new(row, self.sizes, given, &self.precision, false);
        let n = row.scores.len();
        let Some(weighed) = &line.weighed else {
            return Expected {
                results: vec![Wanted::exact(vec![f64::NAN])],
                slopes: line.slopes(|_| 0.0),
                shares: Vec::new(),
            };
        };
        let mean = self.mean(weighed);
        let square = |i: usize, axis: usize| (self.at(i, axis) - mean[axis]).powi(2);
        let variances = (0..self.axes()).map(|axis| weighed.mean(|i| square(i, axis)));
        let least = if self.precision.is_wide() {
            1e-14 * n as f64
        } else {
            1e-7
        };
        // Each error, and how far it may be off.
        let errors: Vec<[f64; 2]> = variances
            .map(|variance| {
                let within = self.precision.sum(n) * variance + least;
                [variance - sigma * sigma, within + 1e-7 * sigma * sigma]
            })
            .collect();
        let loss = errors.iter().map(|[error, _]| error * error).sum();
        let within: f64 = errors
            .iter()
            .map(|[error, off]| 2.0 * error.abs() * off + off * off)
            .sum();
        let upstream = row.upstream[0][0];
        let of_errors = |which: usize| {
            line.slopes_of_terms(errors.len(), |axis, i| {
                2.0 * upstream * errors[axis][which] * square(i, axis)
            })
        };
        let mut slopes = of_errors(0);
        if upstream != 0.0 {
            let off = largest(&of_errors(1).values);
            slopes.within.iter_mut().for_each(|within| *within += off);
        }
        Expected {
            results: vec![Wanted::within(vec![loss], |_| within)],
            slopes,
            shares: Vec::new(),
        }
    }
}
