use burn_core::backend::{DispatchTensor, DispatchTensorKind};

/// Whether this crate was compiled with an implementation for the tensor's backend.
///
/// The generated dispatch panics for a backend it does not list; such a tensor goes through the
/// composed operations instead.
pub(crate) fn is_listed(tensor: &DispatchTensor) -> bool {
    is_listed_kind(&tensor.kind)
}

fn is_listed_kind(kind: &DispatchTensorKind) -> bool {
    match kind {
        #[cfg(feature = "_cube-kernels")]
        DispatchTensorKind::Cube(_) => true,
        #[cfg(feature = "flex")]
        DispatchTensorKind::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchTensorKind::NdArray(_) => true,
        #[cfg(feature = "autodiff")]
        DispatchTensorKind::Autodiff(inner) => is_listed_kind(inner),
        #[allow(unreachable_patterns)]
        _ => false,
    }
}
