use std::{
    io::{Result, Write},
    process::Command,
};

use burn_argmax_sources::Target;
use burn_core::tensor::DType;
use rayon::prelude::*;
use tempfile::NamedTempFile;

use crate::{none, sources_for};

const VALIDATOR: &str = "spirv-val";

/// What the validator says, if anything.
fn validate(words: &[u32]) -> Result<Option<String>> {
    let mut file = NamedTempFile::new()?;
    for word in words {
        file.write_all(&word.to_le_bytes())?;
    }
    let output = Command::new(VALIDATOR)
        .args(["--target-env", "vulkan1.3"])
        .arg(file.path())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success()).then_some(said))
}

/// The extension for `bf16` is of 2025.
fn knows_bf16() -> bool {
    let output = Command::new(VALIDATOR).arg("--version").output();
    let output = output.unwrap_or_else(|error| panic!("{VALIDATOR}, of SPIRV-Tools: {error}"));
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let year = version
        .split_once(" v")
        .and_then(|(_, version)| version.split('.').next());
    let year: u32 = year
        .and_then(|year| year.parse().ok())
        .unwrap_or_else(|| panic!("{version}"));
    year >= 2025
}

#[test]
fn the_validator_takes_them() {
    let all = knows_bf16();
    let sources =
        sources_for(Target::Spirv).filter(|(kernel, _)| all || kernel.dtype != DType::BF16);
    none(sources.filter_map(|(kernel, source)| {
        let said =
            validate(&source.words).expect("a file can be written, and the validator run")?;
        Some(format!("{kernel}: {said}"))
    }));
}
