use burn_core::{
    backend::{Backend, Dispatch, DispatchDevice},
    tensor::Device,
};
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether the operators run kernels of this crate on a device.
///
/// They do on each backend whose feature this crate was given, under autodiff with its feature `autodiff`
/// too; on CubeCL, all but `soft_top_k`. Elsewhere the operators are plain tensor operations,
/// many times slower: the first that runs on a backend of this machine for which there are kernels says so in a
/// warning of the [`log`], with the feature to add. Of a remote device this function tells whether operators
/// are sent to it as such; whether its server has registered them shows when the first one runs.
///
/// # Example
///
/// ```
/// use burn::tensor::Device;
/// use burn_argmax::has_kernels;
///
/// let device = Device::flex().autodiff(); // burn-argmax has the feature `flex` here
/// assert!(has_kernels(&device));
/// ```
pub fn has_kernels(device: &Device) -> bool {
    is_listed(device.as_dispatch())
}

/// Whether the crate was compiled with an implementation for the device's backend.
fn is_listed(device: &DispatchDevice) -> bool {
    #[cfg_attr(
        not(any(
            feature = "_cpu-kernels",
            feature = "_cube-kernels",
            feature = "remote-kernels",
            feature = "capture"
        )),
        expect(
            unused_variables,
            reason = "without a backend there is none to look for"
        )
    )]
    let device = match device {
        #[cfg(feature = "autodiff")]
        DispatchDevice::Autodiff(inner) => &**inner,
        device => device,
    };
    [
        #[cfg(feature = "_cube-kernels")]
        matches!(device, DispatchDevice::Cube(_)),
        #[cfg(feature = "flex")]
        matches!(device, DispatchDevice::Flex(_)),
        #[cfg(feature = "ndarray")]
        matches!(device, DispatchDevice::NdArray(_)),
        #[cfg(feature = "remote-kernels")]
        matches!(device, DispatchDevice::Remote(_)),
        #[cfg(feature = "capture")]
        matches!(device, DispatchDevice::Capture(_)),
    ]
    .contains(&true)
}

/// Backends with kernels, as Burn names them, the features that bring these, and whether one was given.
const BACKENDS: [(&str, &str, bool); 3] = [
    ("flex", "`flex`", cfg!(feature = "flex")),
    ("ndarray", "`ndarray`", cfg!(feature = "ndarray")),
    (
        "cubecl",
        "`wgpu`, `vulkan`, `webgpu`, `metal`, `cuda`, `rocm` or `cpu`, as Burn has it",
        cfg!(feature = "_cube-kernels"),
    ),
];

/// The same for an operator that is about to run, which says what is missing, once a backend.
pub(crate) fn finds_kernels(device: &DispatchDevice) -> bool {
    static SAID: [AtomicBool; BACKENDS.len()] = [const { AtomicBool::new(false) }; BACKENDS.len()];

    let listed = is_listed(device);
    if !listed
        && let name = Dispatch::name(device)
        && let Some(backend) = backend_of(&name)
        && !SAID[backend].swap(true, Ordering::Relaxed)
    {
        let (_, feature, is_given) = BACKENDS[backend];
        // Where the backend's own was given, it is that of autodiff which is missing.
        let feature = if is_given { "`autodiff`" } else { feature };
        log::warn!(
            "burn-argmax runs plain tensor operations in place of its kernels: give it the feature \
             {feature} in Cargo.toml"
        );
    }
    listed
}

/// Which of the [`BACKENDS`] has that name; none where there are no kernels for it.
fn backend_of(name: &str) -> Option<usize> {
    let name = ["dispatch<", "autodiff<", "fusion<"]
        .iter()
        .fold(name, |name, around| name.trim_start_matches(around));
    BACKENDS
        .iter()
        .position(|(backend, ..)| name.starts_with(backend))
}

#[cfg(test)]
mod tests {
    use super::{BACKENDS, backend_of};

    #[test]
    fn the_feature_of_each_backend() {
        let features = |name| backend_of(name).map(|backend| BACKENDS[backend].1);
        assert_eq!(features("dispatch<flex>"), Some("`flex`"));
        assert_eq!(features("dispatch<autodiff<ndarray>>"), Some("`ndarray`"));
        let cube = features("dispatch<autodiff<fusion<cubecl<wgpu>>>>");
        assert!(cube.is_some_and(|features| features.contains("`wgpu`")));
        for without in ["dispatch<tch>", "dispatch<router<remote-flex:3000>>"] {
            assert_eq!(features(without), None);
        }
    }
}
