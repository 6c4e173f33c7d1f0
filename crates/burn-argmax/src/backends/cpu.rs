//! The operators on backends whose tensors lie in the memory of the host.

/// Implements the operators for a backend whose tensors are a [`HostTensor`].
macro_rules! implement_on_host {
    ($backend:ty) => {
        use $crate::{
            ArgmaxOps, Weighting,
            backends::host::{of_lines, scores, table, updated, with_accumulator, with_float},
            composed::{SCORES, cast, widen, with_dim_size, words},
            losses::Divergence,
            kernels::cpu::{
                self, Lines, soft_argmax_moments,
                spatial_moments::{self, Extent},
            },
        };
        use burn_core::{
            backend::{
                TensorMetadata,
                ops::IntTensorOps,
                tensor::{FloatTensor, IntTensor},
            },
            tensor::DType,
        };
        use burn_std::{bf16, f16};

        impl ArgmaxOps for $backend {
            fn soft_argmax(
                logits: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> FloatTensor<Self> {
                let dtype = logits.dtype();
                let logits = scores::<Self>(logits, weighting);
                let index = with_float!("soft_argmax", logits, T => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (results, _) =
                        logits.read(|logits| cpu::soft_argmax::forward::<T>(logits, lines, weighting, false));
                    HostTensor::from_vec(results, with_dim_size(&shape, dim, 1))
                });
                cast::<Self>(index, dtype)
            }

            fn soft_argmax_forward(
                logits: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let dtype = logits.dtype();
                let logits = scores::<Self>(logits, weighting);
                let (index, state): (FloatTensor<Self>, _) = with_float!("soft_argmax", logits, T => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (results, state) =
                        logits.read(|logits| cpu::soft_argmax::forward::<T>(logits, lines, weighting, true));
                    (
                        HostTensor::from_vec(results, with_dim_size(&shape, dim, 1)),
                        HostTensor::from_vec(state, with_dim_size(&shape, dim, cpu::STATE)),
                    )
                });
                (cast::<Self>(index, dtype), state)
            }

            fn soft_argmax_backward(
                logits: FloatTensor<Self>,
                state: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> FloatTensor<Self> {
                let dtype = logits.dtype();
                let logits = scores::<Self>(logits, weighting);
                let grad = cast::<Self>(grad, logits.dtype());
                let gradient = with_float!("soft_argmax", logits, T => {
                    let lines = Lines::along(&logits.shape(), dim);
                    state.read(|state| grad.read(|grad| logits.map_or_replace::<T>(
                        |logits| cpu::soft_argmax::backward(logits, state, grad, lines, weighting),
                        |logits| cpu::soft_argmax::backward_in_place(logits, state, grad, lines, weighting),
                    )))
                });
                cast::<Self>(gradient, dtype)
            }

            fn soft_argmax_moments_forward(
                logits: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let dtype = logits.dtype();
                let logits = widen::<Self>(logits);
                let (moments, state): (FloatTensor<Self>, _) = with_accumulator!("soft_argmax_moments", logits, A => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (moments, state) = logits.read(|logits| {
                        soft_argmax_moments::forward::<A>(logits, lines, weighting)
                    });
                    (
                        HostTensor::from_vec(
                            moments,
                            with_dim_size(&shape, dim, soft_argmax_moments::MOMENTS),
                        ),
                        HostTensor::from_vec(
                            state,
                            with_dim_size(&shape, dim, soft_argmax_moments::STATE),
                        ),
                    )
                });
                (cast::<Self>(moments, dtype), state)
            }

            fn soft_argmax_moments_backward(
                logits: FloatTensor<Self>,
                state: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> FloatTensor<Self> {
                let dtype = logits.dtype();
                let (logits, grad) = (widen::<Self>(logits), widen::<Self>(grad));
                let gradient = with_accumulator!("soft_argmax_moments", logits, A => {
                    let lines = Lines::along(&logits.shape(), dim);
                    state.read(|state| grad.read(|grad| logits.map_or_replace::<A>(
                        |logits| {
                            soft_argmax_moments::backward(logits, state, grad, lines, weighting)
                        },
                        |logits| soft_argmax_moments::backward_in_place(
                            logits, state, grad, lines, weighting,
                        ),
                    )))
                });
                cast::<Self>(gradient, dtype)
            }

            fn soft_argmax_over(
                logits: FloatTensor<Self>,
                bins: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> FloatTensor<Self> {
                let dtype = logits.dtype();
                let logits = widen::<Self>(logits);
                let value = with_accumulator!("soft_argmax_over", logits, A => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (values, _) = logits.read(|logits| bins.read(|bins| {
                        cpu::soft_argmax_over::forward::<A>(logits, bins, lines, weighting, false)
                    }));
                    HostTensor::from_vec(values, with_dim_size(&shape, dim, 1))
                });
                cast::<Self>(value, dtype)
            }

            fn soft_argmax_over_forward(
                logits: FloatTensor<Self>,
                bins: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let dtype = logits.dtype();
                let logits = widen::<Self>(logits);
                let (value, state): (FloatTensor<Self>, _) = with_accumulator!("soft_argmax_over", logits, A => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (values, state) = logits.read(|logits| bins.read(|bins| {
                        cpu::soft_argmax_over::forward::<A>(logits, bins, lines, weighting, true)
                    }));
                    (
                        HostTensor::from_vec(values, with_dim_size(&shape, dim, 1)),
                        HostTensor::from_vec(state, with_dim_size(&shape, dim, cpu::STATE)),
                    )
                });
                (cast::<Self>(value, dtype), state)
            }

            fn soft_argmax_over_backward(
                logits: FloatTensor<Self>,
                bins: FloatTensor<Self>,
                state: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> FloatTensor<Self> {
                let dtype = logits.dtype();
                let (logits, grad) = (widen::<Self>(logits), widen::<Self>(grad));
                let gradient = with_accumulator!("soft_argmax_over", logits, A => {
                    let lines = Lines::along(&logits.shape(), dim);
                    bins.read(|bins| state.read(|state| grad.read(|grad| logits.map_or_replace::<A>(
                        |logits| cpu::soft_argmax_over::backward(
                            logits, bins, state, grad, lines, weighting,
                        ),
                        |logits| cpu::soft_argmax_over::backward_in_place(
                            logits, bins, state, grad, lines, weighting,
                        ),
                    ))))
                });
                cast::<Self>(gradient, dtype)
            }

            fn soft_argmax_over_bins_backward(
                logits: FloatTensor<Self>,
                state: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
                shape: burn_core::tensor::Shape,
            ) -> FloatTensor<Self> {
                with_accumulator!("soft_argmax_over", logits, A => {
                    let lines = Lines::along(&logits.shape(), dim);
                    let bins = shape.num_elements();
                    let gradient = logits.read(|logits| state.read(|state| grad.read(|grad| {
                        cpu::soft_argmax_over::bins_backward::<A>(
                            logits, state, grad, lines, weighting, bins,
                        )
                    })));
                    HostTensor::from_vec(gradient, shape)
                })
            }

            fn spatial_moments_forward(
                heatmaps: FloatTensor<Self>,
                covariance: bool,
                weighting: Weighting,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let heatmaps = scores::<Self>(heatmaps, weighting);
                with_float!("spatial_soft_argmax", heatmaps, T => {
                    let shape = heatmaps.shape();
                    let extent = Extent::of(&shape);
                    let (moments, state) = heatmaps.read(|maps| {
                        spatial_moments::forward::<T>(maps, extent, covariance, weighting)
                    });
                    (table(moments, shape[0]), table(state, shape[0]))
                })
            }

            fn spatial_moments_backward(
                heatmaps: FloatTensor<Self>,
                state: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                covariance: bool,
                weighting: Weighting,
            ) -> FloatTensor<Self> {
                let dtype = heatmaps.dtype();
                let heatmaps = scores::<Self>(heatmaps, weighting);
                let gradient = with_float!("spatial_soft_argmax", heatmaps, T => {
                    let extent = Extent::of(&heatmaps.shape());
                    state.read(|state| grad.read(|grad| heatmaps.map_or_replace::<T>(
                        |maps| {
                            spatial_moments::backward(maps, state, grad, extent, covariance, weighting)
                        },
                        |maps| spatial_moments::backward_in_place(
                            maps, state, grad, extent, covariance, weighting,
                        ),
                    )))
                });
                cast::<Self>(gradient, dtype)
            }

            fn divergence(
                heatmaps: FloatTensor<Self>,
                lines: FloatTensor<Self>,
                divergence: Divergence,
            ) -> FloatTensor<Self> {
                with_float!("divergence", heatmaps, T => {
                    let shape = heatmaps.shape();
                    let extent = Extent::of(&shape);
                    let losses = heatmaps.read(|maps| lines.read(|lines| {
                        cpu::divergence::forward::<T>(maps, lines, extent, divergence)
                    }));
                    table(losses, shape[0])
                })
            }

            fn divergence_backward(
                heatmaps: FloatTensor<Self>,
                lines: FloatTensor<Self>,
                losses: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                divergence: Divergence,
            ) -> FloatTensor<Self> {
                with_float!("divergence", heatmaps, T => {
                    let shape = heatmaps.shape();
                    let extent = Extent::of(&shape);
                    let slopes = heatmaps.read(|maps| lines.read(|lines| {
                        losses.read(|losses| grad.read(|grad| {
                            cpu::divergence::backward::<T>(
                                maps, lines, losses, grad, extent, divergence,
                            )
                        }))
                    }));
                    HostTensor::from_vec(slopes, shape)
                })
            }

            fn divergence_lines_backward(
                heatmaps: FloatTensor<Self>,
                lines: FloatTensor<Self>,
                _losses: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                divergence: Divergence,
            ) -> FloatTensor<Self> {
                with_float!("divergence", heatmaps, T => {
                    let extent = Extent::of(&heatmaps.shape());
                    let slopes = heatmaps.read(|maps| lines.read(|lines| grad.read(|grad| {
                        cpu::divergence::lines_backward::<T>(maps, lines, grad, extent, divergence)
                    })));
                    HostTensor::from_vec(slopes, lines.shape())
                })
            }

            fn one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
                with_float!("straight_through_one_hot", values, T => {
                    let shape = values.shape();
                    let lines = Lines::along(&shape, dim);
                    let one_hot = values.read(|values| cpu::one_hot::<T>(values, lines));
                    HostTensor::from_vec(one_hot, shape)
                })
            }

            fn first_argmax(values: FloatTensor<Self>, dim: usize) -> IntTensor<Self> {
                let shape = values.shape();
                let lines = Lines::along(&shape, dim);
                let indices = with_float!("first_argmax", values, T => {
                    values.read(|values| cpu::peak_indices::<T>(values, lines))
                });
                let indices = of_lines(indices, with_dim_size(&shape, dim, 1));
                Self::int_from_data(indices, &values.device())
            }

            fn top_k(values: FloatTensor<Self>, k: usize, dim: usize) -> FloatTensor<Self> {
                with_float!("top_k", values, T => {
                    let shape = values.shape();
                    let lines = Lines::along(&shape, dim);
                    let marks = values.read(|values| cpu::top_k::top_k::<T>(values, lines, k));
                    HostTensor::from_vec(marks, shape)
                })
            }

            fn soft_top_k_forward(
                logits: FloatTensor<Self>,
                k: usize,
                dim: usize,
                beta: f64,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                with_accumulator!("soft_top_k", logits, A => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (weights, state) =
                        logits.read(|logits| cpu::top_k::soft_top_k::<A>(logits, lines, k, beta));
                    let of_state = with_dim_size(&shape, dim, cpu::top_k::STATE);
                    (HostTensor::from_vec(weights, shape), HostTensor::from_vec(state, of_state))
                })
            }

            fn entmax_forward(
                logits: FloatTensor<Self>,
                dim: usize,
                alpha: f64,
                beta: f64,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                with_accumulator!("entmax", logits, A => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (weights, state) = logits.read(|logits| {
                        cpu::entmax::forward::<A>(logits, lines, alpha, beta)
                    });
                    let of_state = with_dim_size(&shape, dim, cpu::entmax::STATE);
                    (HostTensor::from_vec(weights, shape), HostTensor::from_vec(state, of_state))
                })
            }

            fn entmax_backward(
                logits: FloatTensor<Self>,
                state: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                dim: usize,
                alpha: f64,
                beta: f64,
            ) -> FloatTensor<Self> {
                with_accumulator!("entmax", logits, A => {
                    let lines = Lines::along(&logits.shape(), dim);
                    logits.read(|logits| state.read(|state| updated(grad, |grad| {
                        cpu::entmax::backward::<A>(logits, state, grad, lines, alpha, beta);
                    })))
                })
            }

            fn noisy(
                logits: FloatTensor<Self>,
                key: IntTensor<Self>,
                stream: u32,
            ) -> FloatTensor<Self> {
                let words = words::<Self>(key, stream);
                with_accumulator!("noisy", logits, A => {
                    let noisy = logits.read(|logits| cpu::gumbel::noisy::<A>(logits, words));
                    HostTensor::from_vec(noisy, logits.shape())
                })
            }

            fn sampled_argmax(
                logits: FloatTensor<Self>,
                key: IntTensor<Self>,
                dim: usize,
            ) -> IntTensor<Self> {
                let shape = logits.shape();
                let words = words::<Self>(key, SCORES);
                let lines = Lines::along(&shape, dim);
                let logits = widen::<Self>(logits);
                let indices = with_accumulator!("sampled_argmax", logits, A => {
                    logits.read(|logits| cpu::sampled_peaks::<A>(logits, lines, words))
                });
                let indices = of_lines(indices, with_dim_size(&shape, dim, 1));
                Self::int_from_data(indices, &logits.device())
            }

            fn sampled_one_hot_forward(
                logits: FloatTensor<Self>,
                key: IntTensor<Self>,
                dim: usize,
            ) -> FloatTensor<Self> {
                let words = words::<Self>(key, SCORES);
                let dtype = logits.dtype();
                let logits = widen::<Self>(logits);
                let one_hot = with_accumulator!("sampled_one_hot", logits, A => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let indices = logits.read(|logits| {
                        cpu::sampled_peaks::<A>(logits, lines, words)
                    });
                    HostTensor::from_vec(cpu::one_hot_of_indices::<A>(&indices, lines), shape)
                });
                cast::<Self>(one_hot, dtype)
            }

            fn softmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
                with_float!("softmax", logits, T => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let probabilities =
                        logits.read(|logits| cpu::softmax::forward::<T>(logits, lines, beta));
                    HostTensor::from_vec(probabilities, shape)
                })
            }

            fn softmax_backward(
                logits: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                dim: usize,
                beta: f64,
            ) -> FloatTensor<Self> {
                with_float!("softmax", logits, T => {
                    let lines = Lines::along(&logits.shape(), dim);
                    logits.read(|logits| updated(grad, |grad| {
                        cpu::softmax::backward::<T>(logits, grad, lines, beta);
                    }))
                })
            }

            fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
                with_float!("sign_one_hot", values, T => {
                    let shape = values.shape();
                    let lines = Lines::along(&shape, dim);
                    let marks = values.read(|values| cpu::sign_one_hot::<T>(values, lines));
                    HostTensor::from_vec(marks, shape)
                })
            }
        }
    };
}

pub(super) use implement_on_host;
