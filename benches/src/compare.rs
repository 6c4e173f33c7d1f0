//! The comparison: ours, the composition, the reference and the limits, in turn.

use std::time::Instant;

use anyhow::{Result, ensure};
use burn::tensor::{Device, Tensor};

use crate::{
    backend::BackendKind,
    cases::{Case, bins, contiguous, max_difference, scores},
    cli::Cli,
    limits::{Limit, Limits},
    measure::{Samples, Stopwatch},
    memory::peak_extra,
    op::{Op, Pass, Variant},
    table::{self, Record},
};

/// Rounds that are not recorded. Kernels are compiled and tuned in the first.
const WARM_UP: usize = 2;
/// Samples below which the time limit of a case does not stop it.
const MIN_SAMPLES: usize = 5;

/// Runs every case on every backend, prints the tables and writes the records.
pub fn run(cli: &Cli) -> Result<()> {
    let mut records = Vec::new();
    for backend in cli.backends()? {
        let device = backend.device()?;
        for op in cli.ops(&Op::ALL) {
            for case in Case::of(op, cli.quick) {
                if !(cli.shape.is_empty() || cli.shape.contains(&case.shape())) {
                    continue;
                }
                eprintln!("{} {} {}", backend.name(), op.name(), case.shape());
                let bench = Bench {
                    cli,
                    backend,
                    device: &device,
                    op,
                    case: &case,
                };
                records.extend(match case {
                    Case::Rows(shape) | Case::Columns(shape) => {
                        bench.run(scores(op, shape, &device))?
                    }
                    Case::FewColumns(shape) => bench.run(scores(op, shape, &device))?,
                    Case::Volume(shape) => bench.run(scores(op, shape, &device))?,
                    Case::VolumeColumns(shape) => {
                        let columns = scores(op, shape, &device).permute([0, 3, 1, 2]);
                        bench.run(contiguous(columns))?
                    }
                });
                if let Some(path) = &cli.csv {
                    table::write_csv(path, &records)?;
                }
            }
        }
    }
    ensure!(
        !records.is_empty(),
        "no operator that is to run has a shape of {:?}",
        cli.shape
    );
    table::print(&records, cli.quick);
    Ok(())
}

/// One pass of one operator on `x`; returns the time and drops the results untimed.
pub fn time_pass<const D: usize>(
    watch: &Stopwatch,
    (op, variant, pass): (Op, Variant, Pass),
    [x, bins]: [&Tensor<D>; 2],
    dim: usize,
) -> Result<f64> {
    let leaf = || x.clone().autodiff().require_grad();
    Ok(match pass {
        Pass::Forward => {
            let x = x.clone();
            watch.time(move || op.apply(variant, x, bins, dim))?.1
        }
        Pass::ForwardBackward => {
            let leaf = leaf();
            watch
                .time(move || gradient(op, variant, leaf, bins, dim))?
                .1
        }
        Pass::Backward => {
            let y = op.apply(variant, leaf(), bins, dim);
            watch.time(|| y.backward())?.1
        }
        Pass::BackwardDropped => {
            let y = op.apply(variant, unshared(x).autodiff().require_grad(), bins, dim);
            watch.time(|| y.backward())?.1
        }
    })
}

/// The same numbers in memory that no other tensor sees.
fn unshared<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
    x.clone() * 1.0
}

/// The output and the gradient of `leaf`.
fn gradient<const D: usize>(
    op: Op,
    variant: Variant,
    leaf: Tensor<D>,
    bins: &Tensor<D>,
    dim: usize,
) -> (Tensor<D>, Option<Tensor<D>>) {
    let y = op.apply(variant, leaf.clone(), bins, dim);
    let mut gradients = y.backward();
    let gradient = leaf.grad_remove(&mut gradients);
    (y, gradient)
}

/// One operator on one input.
struct Bench<'a> {
    cli: &'a Cli,
    backend: BackendKind,
    device: &'a Device,
    op: Op,
    case: &'a Case,
}

impl Bench<'_> {
    fn run<const D: usize>(&self, x: Tensor<D>) -> Result<Vec<Record>> {
        let dim = self.case.dim();
        let bins = bins(self.op, x.dims(), dim, self.device);
        self.check([&x, &bins], dim)?;

        let watch = Stopwatch::new(self.backend, self.device);
        let len = x.shape().num_elements();
        let mut limits = if self.backend.is_host() {
            Limits::host(len)
        } else {
            Limits::Device(Box::new(Tensor::zeros([len], self.device)))
        };
        let passes = self.op.passes();
        let mut times = vec![Variant::ALL.map(|_| Samples::default()); passes.len()];
        let mut limit_times = Limit::ALL.map(|_| Samples::default());

        let mut start = Instant::now();
        for round in 0..WARM_UP + self.cli.samples() {
            if round == WARM_UP {
                start = Instant::now();
            }
            let recorded = round.saturating_sub(WARM_UP);
            if recorded >= MIN_SAMPLES && start.elapsed().as_secs_f64() > self.cli.seconds {
                break;
            }
            for (&pass, times) in passes.iter().zip(&mut times) {
                for position in 0..Variant::ALL.len() {
                    // Nobody is always first, nor always in the wake of the same one.
                    let turn = (position + round) % Variant::ALL.len();
                    let what = (self.op, Variant::ALL[turn], pass);
                    let time = time_pass(&watch, what, [&x, &bins], dim)?;
                    if round >= WARM_UP {
                        times[turn].push(time);
                    }
                }
            }
            for (limit, times) in Limit::ALL.into_iter().zip(&mut limit_times) {
                let time = limits.time(limit, &watch)?;
                if round >= WARM_UP {
                    times.push(time);
                }
            }
        }

        let mut records = Vec::with_capacity(passes.len());
        for (&pass, times) in passes.iter().zip(&times) {
            let mut peaks = [None; Variant::ALL.len()];
            for (peak, variant) in peaks.iter_mut().zip(Variant::ALL) {
                *peak = self.peak(&watch, variant, pass, [&x, &bins], dim)?;
            }
            records.push(Record::new(
                (self.backend, self.op, self.case, pass),
                watch.clock()?,
                times,
                &limit_times,
                peaks,
                4 * len as u64,
            ));
        }
        Ok(records)
    }

    /// Times of wrong results are worth nothing.
    fn check<const D: usize>(&self, [x, bins]: [&Tensor<D>; 2], dim: usize) -> Result<()> {
        let ours = self.op.apply(Variant::Ours, x.clone(), bins, dim);
        // In units of the output: the index, or 1.
        let tolerance = match self.op {
            Op::StraightThroughOneHot | Op::SignOneHot => 1e-5,
            // The composition's of a long row rounds.
            Op::Softmax | Op::SpatialSoftmax => 1e-4,
            // The variance of an index, whose mean the composition has not exactly.
            Op::SoftArgmaxMoments => 1.0,
            // Other draws.
            Op::SampledOneHot => 1.0,
            // The composition sums uncentered.
            _ => 1e-4 * x.dims()[dim] as f64,
        };
        for variant in [Variant::Composition, Variant::Reference] {
            let other = self.op.apply(variant, x.clone(), bins, dim);
            let difference = max_difference(ours.clone(), other);
            ensure!(
                difference <= tolerance,
                "{} {} {}: ours and the {variant:?} differ by {difference}",
                self.backend.name(),
                self.op.name(),
                self.case.shape(),
            );
        }
        Ok(())
    }

    fn peak<const D: usize>(
        &self,
        watch: &Stopwatch,
        variant: Variant,
        pass: Pass,
        [x, bins]: [&Tensor<D>; 2],
        dim: usize,
    ) -> Result<Option<u64>> {
        let op = self.op;
        let leaf = x.clone().autodiff().require_grad();
        match pass {
            Pass::Forward => peak_extra(self.backend, self.device, watch, || {
                op.apply(variant, x.clone(), bins, dim)
            }),
            Pass::ForwardBackward => peak_extra(self.backend, self.device, watch, || {
                gradient(op, variant, leaf, bins, dim)
            }),
            Pass::Backward => {
                let y = op.apply(variant, leaf, bins, dim);
                peak_extra(self.backend, self.device, watch, || y.backward())
            }
            Pass::BackwardDropped => {
                let y = op.apply(variant, unshared(x).autodiff().require_grad(), bins, dim);
                peak_extra(self.backend, self.device, watch, || y.backward())
            }
        }
    }
}
