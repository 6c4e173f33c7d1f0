//! Whether a device has kernels, and the warning where it has none.
#![cfg(any(feature = "flex", feature = "unlisted"))]

use std::sync::Mutex;

use burn::tensor::{Device, Tensor};
use burn_argmax::{has_kernels, soft_argmax};
use burn_argmax_tests::device::UNLISTED;
use log::{LevelFilter, Log, Metadata, Record};

static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Recorder;

impl Log for Recorder {
    fn enabled(&self, _metadata: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        if record.target().starts_with("burn_argmax") {
            let mut warnings = WARNINGS.lock().expect("no test panics with it");
            warnings.push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[test]
fn what_is_missing_is_said_once() {
    log::set_logger(&Recorder).expect("the only logger");
    log::set_max_level(LevelFilter::Warn);
    for device in [Device::flex(), Device::flex().autodiff()] {
        assert_eq!(has_kernels(&device), !UNLISTED);
        for _ in 0..2 {
            soft_argmax(Tensor::<2>::zeros([2, 3], &device), 1, 1.0);
        }
    }
    let warnings = WARNINGS.lock().expect("no test panics with it");
    assert_eq!(warnings.len(), usize::from(UNLISTED), "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.contains("`flex`")));
}
