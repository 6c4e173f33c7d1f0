use burn_core::{
    backend::{Backend, Dispatch, DispatchDevice},
    tensor::Device,
};
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether the operators run kernels of this crate on a device.
///
/// They do on each backend whose feature this crate was given. On every other the operators are plain
/// tensor operations, many times slower: the first of them that runs on a backend for which there are
/// kernels says so in a warning of the [`log`], with the feature to add.
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
        not(any(feature = "_cpu-kernels", feature = "_cube-kernels")),
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
    ]
    .contains(&true)
}

/// The same for an operator that is about to run, which says what is missing.
pub(crate) fn finds_kernels(device: &DispatchDevice) -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);

    let listed = is_listed(device);
    if !listed
        && !SAID.load(Ordering::Relaxed)
        && let Some(features) = missing_features(&Dispatch::name(device))
        && !SAID.swap(true, Ordering::Relaxed)
    {
        log::warn!(
            "burn-argmax runs plain tensor operations in place of its kernels: give it the feature \
             {features} in Cargo.toml, as Burn has it"
        );
    }
    listed
}

/// What to add for a backend of that name; nothing where there are no kernels for it.
fn missing_features(name: &str) -> Option<&'static str> {
    let name = ["dispatch<", "autodiff<", "fusion<"]
        .iter()
        .fold(name, |name, around| name.trim_start_matches(around));
    [
        ("flex", "`flex`"),
        ("ndarray", "`ndarray`"),
        (
            "cubecl",
            "`wgpu`, `vulkan`, `webgpu`, `metal`, `cuda`, `rocm` or `cpu`",
        ),
    ]
    .into_iter()
    .find_map(|(backend, features)| name.starts_with(backend).then_some(features))
}

#[cfg(test)]
mod tests {
    use super::missing_features;

    #[test]
    fn the_feature_of_each_backend() {
        assert_eq!(missing_features("dispatch<flex>"), Some("`flex`"));
        let ndarray = missing_features("dispatch<autodiff<ndarray>>");
        assert_eq!(ndarray, Some("`ndarray`"));
        let cube = missing_features("dispatch<autodiff<fusion<cubecl<wgpu>>>>");
        assert!(cube.is_some_and(|features| features.contains("`wgpu`")));
        for without in ["dispatch<tch>", "dispatch<router<remote-flex:3000>>"] {
            assert_eq!(missing_features(without), None);
        }
    }
}
