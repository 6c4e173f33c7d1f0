use burn_core::backend::{DispatchTensor, DispatchTensorKind};

/// An operator on the backend of its tensor: that of [`ArgmaxOps`](crate::ArgmaxOps), or the composed
/// code where the crate was not compiled for the backend, for which the generated dispatch panics.
macro_rules! dispatch {
    ($op:ident($tensor:expr $(, $argument:expr)*)) => {{
        use burn_core::{backend::Dispatch, tensor::Tensor};

        let tensor = $tensor.dequantize().into_dispatch();
        Tensor::from_dispatch(if $crate::functions::dispatch::is_listed(&tensor) {
            <Dispatch as $crate::ArgmaxOps>::$op(tensor $(, $argument)*)
        } else {
            $crate::composed::graph::$op::<Dispatch>(tensor $(, $argument)*)
        })
    }};
}

pub(crate) use dispatch;

/// Whether the crate was compiled with an implementation for the tensor's backend.
pub(crate) fn is_listed(tensor: &DispatchTensor) -> bool {
    #[cfg_attr(
        not(any(feature = "_cpu-kernels", feature = "_cube-kernels")),
        expect(
            unused_variables,
            reason = "without a backend there is none to look for"
        )
    )]
    let kind = match &tensor.kind {
        #[cfg(feature = "autodiff")]
        DispatchTensorKind::Autodiff(inner) => inner,
        kind => kind,
    };
    [
        #[cfg(feature = "_cube-kernels")]
        matches!(kind, DispatchTensorKind::Cube(_)),
        #[cfg(feature = "flex")]
        matches!(kind, DispatchTensorKind::Flex(_)),
        #[cfg(feature = "ndarray")]
        matches!(kind, DispatchTensorKind::NdArray(_)),
    ]
    .contains(&true)
}
