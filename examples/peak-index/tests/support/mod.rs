//! A small WFDB record, made on the spot, and the program to run on it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Samples from one beat to the next.
pub const INTERVAL: usize = 250;
pub const BEATS: usize = 40;
pub const SAMPLES: usize = INTERVAL * BEATS;

/// Where beat `index` is.
pub fn beat(index: usize) -> usize {
    INTERVAL / 2 + index * INTERVAL
}

/// Writes record `name` of two leads in format 212, with one peak a beat; gives its path.
pub fn write_record(directory: &Path, name: &str) -> PathBuf {
    let header = format!(
        "{name} 2 360 {SAMPLES}\n\
         {name}.dat 212 200 11 1024 1024 0 0 MLII\n\
         {name}.dat 212 200 11 1024 1024 0 0 V5\n"
    );
    let mut signal = Vec::with_capacity(3 * SAMPLES);
    for sample in 0..SAMPLES {
        let distance = sample as f64 - beat(sample / INTERVAL) as f64;
        let peak = (-0.5 * (distance / 4.0).powi(2)).exp();
        let ripple = (sample as f64 * 0.11).sin();
        let [a, b] = [300.0 * peak + 40.0 * ripple, 150.0 * peak - 60.0 * ripple]
            .map(|value| (1024.0 + value) as u16);
        signal.extend([a as u8, (a >> 8) as u8 | ((b >> 8) as u8) << 4, b as u8]);
    }
    let mut annotations = Vec::new();
    let mut last = 0;
    for index in 0..BEATS {
        annotations.extend(annotation(1, beat(index) - last));
        last = beat(index);
    }
    annotations.extend(annotation(0, 0));

    let path = directory.join(name);
    std::fs::write(path.with_extension("hea"), header).unwrap();
    std::fs::write(path.with_extension("dat"), signal).unwrap();
    std::fs::write(path.with_extension("atr"), annotations).unwrap();
    path
}

/// An entry of an annotation file.
pub fn annotation(code: u16, interval: usize) -> [u8; 2] {
    (code << 10 | interval as u16).to_le_bytes()
}

/// The program, on the CPU backend that it was compiled with.
pub fn peak_index() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peak-index"));
    command.env_remove("BURN_DEVICE");
    command
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
