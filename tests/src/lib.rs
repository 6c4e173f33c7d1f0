//! What the suites share: the oracle, the devices, the data and the comparisons.
//!
//! The suites themselves are under `tests/backend`, one file an operator or a concern. They run on
//! every backend that the package was compiled with, without autodiff and under autodiff, and once more
//! under gradient checkpointing what depends on it.

pub mod check;
pub mod data;
pub mod device;
pub mod every_function;
pub mod functions;
pub mod golden;
pub mod gradient;
pub mod oracle;
pub mod oracle_entmax;
pub mod oracle_noise;
pub mod oracle_refine;
pub mod oracle_spatial;
pub mod oracle_top_k;
pub mod oracle_weighting;
pub mod rounding;
pub mod rows;

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// What is in no list is compiled by `cargo fmt` alone, and run by nobody.
    #[test]
    fn every_file_of_the_suite_is_listed() {
        let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backend");
        let list = fs::read_to_string(suite.join("mod.rs")).expect("the list");
        for folder in ["", "gradient/"] {
            let mut files = 0;
            for file in fs::read_dir(suite.join(folder)).expect("the suite") {
                let name = file.expect("a file").file_name();
                let name = name.to_str().expect("a plain name");
                if name.ends_with(".rs") && name != "mod.rs" {
                    files += 1;
                    assert!(
                        list.contains(&format!("\"{folder}{name}\"")),
                        "{folder}{name}"
                    );
                }
            }
            assert!(files > 10, "{files} files in {folder:?}");
        }
    }
}
