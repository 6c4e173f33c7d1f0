//! Nothing that burn-argmax launches is left out. There is no list of kernels: what there is, its sources say.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use burn_argmax_sources::{Target, operators};

use crate::kernels;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/burn-argmax/src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources are beside the tests");
    entries
        .map(|entry| entry.expect("a folder can be read").path())
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// The identifier at the start of a text.
fn identifier(text: &str) -> &str {
    let end = text.find(|character: char| !(character.is_alphanumeric() || character == '_'));
    &text[..end.unwrap_or(text.len())]
}

fn identifiers_after<'a>(text: &'a str, words: &str) -> Vec<&'a str> {
    text.split(words).skip(1).map(identifier).collect()
}

#[test]
fn every_operator_with_kernels_is_called() {
    let source = read(&sources().join("backends/cubecl.rs"));
    let there = BTreeSet::from_iter(identifiers_after(&source, "\n    fn "));
    assert_eq!(BTreeSet::from_iter(operators()), there);
}

/// Functions that are launched, and each with every type that it can be given.
fn kernels_of_sources() -> BTreeSet<String> {
    let files = files(&sources().join("kernels/cube"));
    let text: String = files.iter().map(|path| read(path)).collect();
    let traits = BTreeSet::from_iter(identifiers_after(&text, "trait "));
    let mut kernels = BTreeSet::new();
    for function in text.split("#[cube(launch").skip(1) {
        let signature = function
            .split_once("fn ")
            .expect("an attribute belongs to a function")
            .1;
        let generics = signature
            .split_once('(')
            .expect("a function has arguments")
            .0;
        let name = identifier(signature);
        kernels.insert(name.to_owned());
        for bound in traits
            .iter()
            .filter(|bound| generics.contains(&format!(": {bound}")))
        {
            let types = identifiers_after(&text, &format!(" {bound} for "));
            kernels.extend(types.iter().map(|ty| format!("{name} of {ty}")));
        }
    }
    kernels
}

#[test]
fn every_kernel_is_compiled() {
    let there = kernels_of_sources();
    assert!(
        there.contains("scan_kernel of SoftArgmax"),
        "the sources are read: {there:?}"
    );
    for target in Target::ALL {
        let seen: BTreeSet<_> = kernels(target)
            .iter()
            .flat_map(|kernel| {
                let types = kernel.types.iter();
                let of_types = types.map(|ty| format!("{} of {ty}", kernel.function));
                of_types.chain([kernel.function.clone()])
            })
            .collect();
        let missing: Vec<_> = there.difference(&seen).collect();
        assert!(
            missing.is_empty(),
            "never launched for {target}: {missing:?}"
        );
    }
}
