/// An operator on the backend of its tensor: that of [`ArgmaxOps`](crate::ArgmaxOps), or the composed
/// code where the crate was not compiled for the backend, for which the generated dispatch panics.
macro_rules! dispatch {
    ($op:ident($tensor:expr $(, $argument:expr)*)) => {{
        use burn_core::{
            backend::{Dispatch, TensorMetadata},
            tensor::Tensor,
        };

        let tensor = $tensor.dequantize().into_dispatch();
        Tensor::from_dispatch(if $crate::functions::finds_kernels(&tensor.device()) {
            <Dispatch as $crate::ArgmaxOps>::$op(tensor $(, $argument)*)
        } else {
            $crate::composed::graph::$op::<Dispatch>(tensor $(, $argument)*)
        })
    }};
}

pub(crate) use dispatch;
