use burn_core::{backend::Flex, tensor::Shape};
use burn_flex::{FlexTensor, Layout};
use burn_std::Bytes;

use super::{
    cpu::implement_on_host,
    host::{HostTensor, Stored},
};

implement_on_host!(Flex);

impl HostTensor for FlexTensor {
    fn read<T: Stored, R>(&self, read: impl FnOnce(&[T]) -> R) -> R {
        let tensor = self.to_contiguous();
        let start = tensor.layout().start_offset();
        let length = tensor.shape().num_elements();
        read(&tensor.storage::<T>()[start..start + length])
    }

    fn map_or_replace<T: Stored>(
        self,
        map: impl FnOnce(&[T]) -> Vec<T>,
        replace: impl FnOnce(&mut [T]),
    ) -> Self {
        let shape = self.shape();
        let mut tensor = self.to_contiguous();
        // A copy of a view is its own; otherwise the two share their memory.
        drop(self);
        let is_whole = tensor.storage::<T>().len() == shape.num_elements();
        if is_whole && tensor.is_unique() {
            replace(tensor.storage_mut::<T>());
            tensor
        } else {
            Self::from_vec(tensor.read(map), shape)
        }
    }

    fn from_vec<T: Stored>(values: Vec<T>, shape: Shape) -> Self {
        Self::new(
            Bytes::from_elems(values),
            Layout::contiguous(shape),
            <T as burn_core::tensor::Element>::dtype(),
        )
    }
}
