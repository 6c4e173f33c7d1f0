use burn::tensor::Device;

// The files are included below, many times over; this is where `cargo fmt` finds them.
#[cfg(rustfmt)]
#[path = "."]
mod files {
    mod bins_and_argmin;
    mod dtypes;
    mod errors;
    mod errors_of_choices;
    mod extremes;
    mod gradient;
    mod layout;
    mod lines;
    mod properties;
    mod reference;
    mod sign_one_hot;
    mod soft_argmax;
    mod spatial_soft_argmax;
    mod straight_through_one_hot;
    mod strict;
    mod weighting;
}

macro_rules! include_files {
    ($($file:ident in $path:literal),* $(,)?) => {
        $(mod $file {
            include!($path);
        })*
    };
}

macro_rules! forward {
    ($($extra:tt)*) => {
        include_files! {
            bins_and_argmin in "bins_and_argmin.rs",
            dtypes in "dtypes.rs",
            errors in "errors.rs",
            errors_of_choices in "errors_of_choices.rs",
            extremes in "extremes.rs",
            layout in "layout.rs",
            properties in "properties.rs",
            lines in "lines.rs",
            sign_one_hot in "sign_one_hot.rs",
            soft_argmax in "soft_argmax.rs",
            spatial_soft_argmax in "spatial_soft_argmax.rs",
            straight_through_one_hot in "straight_through_one_hot.rs",
            weighting in "weighting.rs",
            $($extra)*
        }
    };
}

macro_rules! gradient {
    ($($extra:tt)*) => {
        mod gradient {
            use super::device;

            include_files! {
                coming_from in "gradient/coming_from.rs",
                contract in "gradient/contract.rs",
                divergences in "gradient/divergences.rs",
                double_use in "gradient/double_use.rs",
                dtypes in "gradient/dtypes.rs",
                entmax in "gradient/entmax.rs",
                entmax_extremes in "gradient/entmax_extremes.rs",
                estimators in "gradient/estimators.rs",
                every_function in "gradient/every_function.rs",
                every_function_of_real_sizes in "gradient/every_function_of_real_sizes.rs",
                extremes in "gradient/extremes.rs",
                finite_differences in "gradient/finite_differences.rs",
                golden in "gradient/golden.rs",
                in_place in "gradient/in_place.rs",
                layout in "gradient/layout.rs",
                losses in "gradient/losses.rs",
                losses_bins in "gradient/losses_bins.rs",
                losses_broken in "gradient/losses_broken.rs",
                losses_precision in "gradient/losses_precision.rs",
                losses_variance in "gradient/losses_variance.rs",
                nn in "gradient/nn.rs",
                of_coordinates in "gradient/of_coordinates.rs",
                peaks in "gradient/peaks.rs",
                properties in "gradient/properties.rs",
                real_sizes in "gradient/real_sizes.rs",
                refined_argmax in "gradient/refined_argmax.rs",
                render_gaussian in "gradient/render_gaussian.rs",
                lines in "gradient/lines.rs",
                sampled in "gradient/sampled.rs",
                select in "gradient/select.rs",
                sign_one_hot in "gradient/sign_one_hot.rs",
                soft_argmax in "gradient/soft_argmax.rs",
                soft_argmax_moments in "gradient/soft_argmax_moments.rs",
                soft_argmax_over in "gradient/soft_argmax_over.rs",
                softmax in "gradient/softmax.rs",
                spatial_soft_argmax in "gradient/spatial_soft_argmax.rs",
                straight_through_argmax in "gradient/straight_through_argmax.rs",
                straight_through_one_hot in "gradient/straight_through_one_hot.rs",
                top_k in "gradient/top_k.rs",
                weighting in "gradient/weighting.rs",
                weighting_extremes in "gradient/weighting_extremes.rs",
                $($extra)*
            }
        }
    };
}

/// Every operator, and all that a backward pass asks a checkpointer for: the rest does not depend on it.
macro_rules! checkpointed {
    () => {
        mod gradient {
            use super::device;

            include_files! {
                contract in "gradient/contract.rs",
                divergences in "gradient/divergences.rs",
                double_use in "gradient/double_use.rs",
                every_function in "gradient/every_function.rs",
                golden in "gradient/golden.rs",
                in_place in "gradient/in_place.rs",
                layout in "gradient/layout.rs",
                nn in "gradient/nn.rs",
                sampled in "gradient/sampled.rs",
                select in "gradient/select.rs",
                soft_argmax_over in "gradient/soft_argmax_over.rs",
                top_k in "gradient/top_k.rs",
            }
        }
    };
}

/// What shows that an operator and its arguments come to a server and back: the kernels are tested above.
macro_rules! over_the_wire {
    () => {
        mod gradient {
            use super::device;

            include_files! {
                contract in "gradient/contract.rs",
                every_function in "gradient/every_function.rs",
                golden in "gradient/golden.rs",
                layout in "gradient/layout.rs",
                lines in "gradient/lines.rs",
                properties in "gradient/properties.rs",
                sampled in "gradient/sampled.rs",
                select in "gradient/select.rs",
                top_k in "gradient/top_k.rs",
            }
        }
    };
}

#[cfg(feature = "remote")]
mod remote {
    use super::Device;

    mod autodiff {
        fn device() -> Option<super::Device> {
            burn_argmax_tests::device::remote().map(super::Device::autodiff)
        }

        over_the_wire!();
    }
}

macro_rules! suite {
    ($backend:ident, $feature:literal, [$($extra:tt)*], [$($extra_gradient:tt)*] $(,)?) => {
        #[cfg(feature = $feature)]
        mod $backend {
            use super::Device;

            mod plain {
                fn device() -> Option<super::Device> {
                    burn_argmax_tests::device::$backend()
                }

                forward!($($extra)*);
            }

            mod autodiff {
                fn device() -> Option<super::Device> {
                    burn_argmax_tests::device::$backend().map(super::Device::autodiff)
                }

                forward!($($extra)*);
                gradient!($($extra_gradient)*);
            }

            mod checkpointing {
                fn device() -> Option<super::Device> {
                    burn_argmax_tests::device::$backend()
                        .map(|device| device.autodiff().gradient_checkpointing())
                }

                checkpointed!();
            }
        }
    };
}

// The fused kernels are held to more than the contract: on the CPU both passes, on a GPU, which has
// `f32` only, the gradient. Of Burn 0.22's own operations `arange` stops at 65,535 on a software
// Vulkan, so the reference of a longer row is tested on the CPU only.
suite!(
    ndarray,
    "ndarray",
    [reference in "reference.rs", strict in "strict.rs"],
    [
        reference in "gradient/reference.rs",
        strict in "gradient/strict.rs",
        threads in "gradient/threads.rs",
    ],
);
suite!(
    flex,
    "flex",
    [reference in "reference.rs", strict in "strict.rs"],
    [
        reference in "gradient/reference.rs",
        strict in "gradient/strict.rs",
        threads in "gradient/threads.rs",
    ],
);
suite!(
    unlisted,
    "unlisted",
    [reference in "reference.rs"],
    [reference in "gradient/reference.rs"],
);
suite!(wgpu, "wgpu", [], [strict in "gradient/strict.rs"]);
suite!(vulkan, "vulkan", [], [strict in "gradient/strict.rs"]);
suite!(cuda, "cuda", [], [strict in "gradient/strict.rs"]);
