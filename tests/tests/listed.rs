//! The files of the suite are included by name, once for each backend: one that is not listed runs
//! nowhere.

use std::{fs, path::Path};

#[test]
fn every_file_of_the_suite() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backend");
    let list = fs::read_to_string(suite.join("mod.rs")).unwrap();
    for folder in ["", "gradient/"] {
        let files = fs::read_dir(suite.join(folder)).unwrap();
        for file in files.map(|file| file.unwrap().file_name().into_string().unwrap()) {
            if file.ends_with(".rs") && file != "mod.rs" {
                let name = format!("\"{folder}{file}\"");
                assert!(
                    list.contains(&name),
                    "tests/backend/mod.rs does not list {name}"
                );
            }
        }
    }
}
