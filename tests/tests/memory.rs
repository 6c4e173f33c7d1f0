//! What is in memory beside arguments and gradients.
#![cfg(feature = "ndarray")]

use std::{alloc::System, sync::Mutex};

use burn::tensor::Tensor;
use burn_argmax::{Surrogate, entmax, straight_through_select};
use burn_argmax_tests::{
    data::{tensor, uniform},
    device,
};
use peakmem_alloc::{PeakMemAlloc, PeakMemAllocTrait};

#[global_allocator]
static ALLOCATOR: PeakMemAlloc<System> = PeakMemAlloc::new(System);

/// Held by the test that measures: the allocator is one for all.
static ALONE: Mutex<()> = Mutex::new(());

/// No tensor of rows and codes but the logits and their gradient.
#[test]
fn a_choice_of_codes() {
    // Flex makes a copy of every product of matrices while it allocates it.
    let _alone = ALONE.lock().expect("no other test failed");
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

/// Of flat scores all are in reach, and kept while their threshold is found: of few columns at a time.
#[test]
fn an_entmax_of_flat_columns() {
    let _alone = ALONE.lock().expect("no other test failed");
    let device = device::ndarray().expect("the processor");
    let (rows, columns) = (100_000, 128);
    let x = Tensor::<2>::zeros([rows, columns], &device);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build();
    ALLOCATOR.reset_peak_memory();
    let weights = threads
        .expect("two threads")
        .install(|| entmax(x.clone(), 0, 1.5, 1.0));
    let peak = ALLOCATOR.get_peak_memory();
    let large = rows * columns * size_of::<f32>();
    assert!(peak >= large && peak < large * 9 / 5, "{peak} bytes");
    assert_eq!(weights.dims(), [rows, columns]);
}
