//! Tensors that do not belong together are refused where they enter, and misaligned ones are read in narrower
//! vectors.

use burn_core::tensor::{DType, Shape};
use burn_cubecl::{CubeDevice, ops::numeric, tensor::CubeTensor};

use super::{
    divergence, entmax_backward, lines::Lines, sampled_argmax, soft_argmax_backward,
    soft_argmax_over_forward, softmax_backward, spatial_moments_backward,
};
use crate::{Weighting, losses::Divergence};

const SOFTMAX: Weighting = Weighting::softmax(1.0);

fn zeros(shape: &[usize]) -> CubeTensor {
    let shape = Shape::from(shape.to_vec());
    numeric::zeros(CubeDevice::default(), shape, DType::F32)
}

#[test]
#[should_panic(expected = "soft_argmax_backward: state has the shape")]
fn a_state_of_other_lines() {
    soft_argmax_backward(zeros(&[2, 16]), zeros(&[1, 4]), zeros(&[2, 1]), 1, SOFTMAX);
}

#[test]
#[should_panic(expected = "soft_argmax_backward: grad has the shape")]
fn an_upstream_gradient_of_other_lines() {
    soft_argmax_backward(zeros(&[2, 16]), zeros(&[2, 4]), zeros(&[1, 1]), 1, SOFTMAX);
}

#[test]
#[should_panic(expected = "softmax_backward: grad has the shape")]
fn an_upstream_gradient_of_another_shape() {
    softmax_backward(zeros(&[2, 16]), zeros(&[2, 15]), 1, 1.0);
}

#[test]
#[should_panic(expected = "soft_argmax_over_forward: bins has the shape")]
fn bins_of_another_shape() {
    soft_argmax_over_forward(zeros(&[2, 16]), zeros(&[1, 16]), 1, SOFTMAX);
}

#[test]
#[should_panic(expected = "divergence: lines has the shape")]
fn lines_of_another_map() {
    let maps = zeros(&[2, 1, 4, 4]);
    divergence(maps, zeros(&[2, 8]), Divergence::JensenShannon);
}

#[test]
#[should_panic(expected = "spatial_moments_backward: state has the shape")]
fn a_state_without_the_covariances() {
    let maps = zeros(&[2, 1, 4, 4]);
    spatial_moments_backward(maps, zeros(&[2, 8]), zeros(&[2, 9]), true, SOFTMAX);
}

#[test]
#[should_panic(expected = "state has the shape")]
fn a_state_of_another_dtype() {
    let state = numeric::zeros(CubeDevice::default(), [2, 4].into(), DType::I32);
    soft_argmax_backward(zeros(&[2, 16]), state, zeros(&[2, 1]), 1, SOFTMAX);
}

#[test]
#[should_panic(expected = "entmax_backward: state has the shape")]
fn an_entmax_state_of_other_lines() {
    entmax_backward(
        zeros(&[2, 16]),
        zeros(&[1, 3]),
        zeros(&[2, 16]),
        1,
        1.5,
        1.0,
    );
}

#[test]
#[should_panic(expected = "sampled_argmax: key has the shape")]
fn a_key_of_three_words() {
    let key = numeric::zeros(CubeDevice::default(), [3].into(), DType::I32);
    sampled_argmax(zeros(&[2, 16]), key, 1);
}

#[test]
fn vectors_are_as_narrow_as_the_handles_are_misaligned() {
    for (offset, widest) in [(0, 4), (4, 1), (8, 2), (12, 1), (16, 4)] {
        let mut tensor = zeros(&[2, 16]);
        tensor.handle = tensor.handle.offset_start(offset);
        let lines = Lines::new("op", "logits", &tensor, 1);
        assert!(lines.layout.vector_size <= widest, "{offset}");

        let mut lines = Lines::new("op", "logits", &zeros(&[2, 16]), 1);
        lines.admit("grad", &tensor, 16, DType::F32);
        assert!(lines.layout.vector_size <= widest, "{offset}");
    }
}

/// Burn's feature `vulkan` is there for SPIR-V: a device that lacks what that needs gets WGSL without a word.
#[cfg(feature = "vulkan")]
#[test]
fn vulkan_takes_spirv() {
    use burn_cubecl::cubecl::wgpu::WgpuDeviceKind;

    let device = CubeDevice::vulkan(WgpuDeviceKind::default()).expect("a Vulkan device");
    assert_eq!(device.client().name(), "wgpu<spirv>");
}
