//! What is in memory beside arguments and gradients.
#![cfg(feature = "ndarray")]

use std::alloc::System;

use burn::tensor::Tensor;
use burn_argmax::{Surrogate, straight_through_select};
use burn_argmax_tests::{
    data::{tensor, uniform},
    device,
};
use peakmem_alloc::{PeakMemAlloc, PeakMemAllocTrait};

#[global_allocator]
static ALLOCATOR: PeakMemAlloc<System> = PeakMemAlloc::new(System);

/// No tensor of rows and codes but the logits and their gradient.
#[test]
fn a_choice_of_codes() {
    // Flex makes a copy of every product of matrices while it allocates it.
    let device = device::ndarray().expect("the processor").autodiff();
    let (rows, codes, features) = (16_384, 1024, 64);
    let large = rows * codes * size_of::<f32>();
    let line: Tensor<2> = tensor(&uniform(1, rows + codes), [rows + codes, 1], &device);
    let logits = line.clone().narrow(0, 0, rows) * line.narrow(0, rows, codes).transpose();
    let logits = logits.detach().require_grad();
    let codebook: Tensor<2> = tensor(&uniform(2, codes * features), [codes, features], &device);
    let codebook = codebook.require_grad();
    for surrogate in [Surrogate::Identity, Surrogate::Softmax { beta: 1.0 }] {
        ALLOCATOR.reset_peak_memory();
        let selected = straight_through_select(logits.clone(), codebook.clone(), 1, surrogate);
        let forward = ALLOCATOR.get_peak_memory();
        assert!(forward < large / 4, "{forward} bytes forward");
        let gradients = selected.backward();
        let gradient = logits.grad(&gradients).expect("a leaf");
        let both = ALLOCATOR.get_peak_memory();
        assert!(both >= large && both < large + large / 2, "{both} bytes");
        assert_eq!(gradient.dims(), [rows, codes]);
    }
}
