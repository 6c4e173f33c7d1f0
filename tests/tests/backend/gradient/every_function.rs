// Every function of scores, every weighting and every module, in every dtype, with rows that are broken.

use burn_argmax_tests::{
    every_function::assert_functions,
    functions::{OF_LINES, OF_LOSSES, OF_MAPS},
};

use super::device;

#[test]
fn of_lines() {
    let Some(device) = device() else { return };
    assert_functions(&OF_LINES, [1, 64], &device);
}

#[test]
fn losses_of_lines() {
    let Some(device) = device() else { return };
    assert_functions(&OF_LOSSES, [1, 64], &device);
}

#[test]
fn of_maps() {
    let Some(device) = device() else { return };
    assert_functions(&OF_MAPS, [48, 40], &device);
}
