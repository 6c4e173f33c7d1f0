// The same at the sizes that users have.

use burn_argmax_tests::{
    every_function::assert_functions,
    functions::{OF_LINES, OF_LOSSES, OF_MAPS},
};

use super::device;

#[test]
fn of_lines() {
    let Some(device) = device() else { return };
    assert_functions(&OF_LINES, [1, 100_000], &device);
}

#[test]
fn losses_of_lines() {
    let Some(device) = device() else { return };
    assert_functions(&OF_LOSSES, [1, 100_000], &device);
}

#[test]
fn of_maps() {
    let Some(device) = device() else { return };
    assert_functions(&OF_MAPS, [256, 256], &device);
}
