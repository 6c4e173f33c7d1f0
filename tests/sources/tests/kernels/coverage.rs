//! Nothing that burn-argmax launches is left out. There is no list of kernels: what there is, its sources say.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use burn_argmax_sources::operators;

use crate::KERNELS;

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

fn identifiers_after<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(words).skip(1).map(identifier)
}

#[test]
fn every_operator_with_kernels_is_called() {
    let source = read(&sources().join("backends/cubecl.rs"));
    let there: BTreeSet<_> = identifiers_after(&source, "\n    fn ").collect();
    assert_eq!(operators().collect::<BTreeSet<_>>(), there);
}

/// A kernel is a function that is launched, with each type that it can be given.
#[test]
fn every_kernel_is_compiled() {
    let text: String = files(&sources().join("kernels/cube"))
        .iter()
        .map(|path| read(path))
        .collect();
    let mut there = BTreeSet::new();
    for function in text.split("#[cube(launch").skip(1) {
        let start = function
            .find("fn ")
            .expect("an attribute belongs to a function")
            + 3;
        let signature = &function[start..];
        let generics = &signature[..signature.find('(').expect("a function has arguments")];
        for bound in ["Reduction", "Map"] {
            if generics.contains(&format!(": {bound}")) {
                for operator in identifiers_after(&text, &format!(" {bound} for ")) {
                    there.insert((identifier(signature).to_owned(), operator.to_owned()));
                }
            }
        }
    }
    assert!(
        there.len() > 12,
        "the sources are no longer read: {there:?}"
    );
    let seen: BTreeSet<_> = KERNELS
        .iter()
        .flat_map(|kernel| {
            let operators = kernel.types.iter();
            operators.map(|operator| (kernel.function.clone(), operator.clone()))
        })
        .collect();
    let missing: Vec<_> = there.difference(&seen).collect();
    assert!(missing.is_empty(), "never launched: {missing:?}");
}
