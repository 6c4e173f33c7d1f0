//! Random calls of every function against the oracle: shapes, layouts, dtypes, weightings, values and upstream
//! gradients, on the backends of the host.
//!
//! Each case has a seed of its own. A test of two thousand runs with the suite; for many more, from the folder of
//! the workspace:
//!
//!     RANDOM_CASES=100000 cargo test --workspace --test random_cases -- --ignored --nocapture
//!
//! A case that fails is printed with its seed, and made smaller. It is repeated alone by
//!
//!     RANDOM_CASES=1 RANDOM_CASES_FROM=seed cargo test --workspace --test random_cases -- --ignored --nocapture
#![cfg(feature = "flex")]

mod case;
mod compare;
mod judge;
mod lines;
mod maps;
mod scores;
mod wanted;
mod weighed;

use std::{
    env, iter,
    num::NonZero,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use case::Case;

/// What is wrong about a case.
fn run(case: &Case) -> Result<(), String> {
    match (case.function.is_of_maps(), case.shape.len()) {
        (true, 3) => maps::run::<3>(case),
        (true, 4) => maps::run::<4>(case),
        (true, _) => maps::run::<5>(case),
        (false, 1) => lines::run::<1>(case),
        (false, 2) => lines::run::<2>(case),
        (false, 3) => lines::run::<3>(case),
        (false, 4) => lines::run::<4>(case),
        (false, _) => lines::run::<5>(case),
    }
}

/// The case of a seed, if it fails: as small as it was made, and what is wrong about it.
fn failure(seed: u64) -> Option<(Case, String)> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tree = case::cases().new_tree(&mut runner).expect("a case");
    let test = |case| run(&case).map_err(TestCaseError::fail);
    match runner.run_one(tree, test) {
        Ok(_) => None,
        Err(TestError::Fail(reason, case)) => Some((case, reason.to_string())),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn assert_cases(seeds: Range<u64>) {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let drawn = iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let drawn = drawn.take_while(|seed| *seed < seeds.end);
        let wrong = drawn.filter_map(|seed| Some((seed, failure(seed)?)));
        wrong.collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut wrong: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let found = workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker"));
        found.flatten().collect()
    });
    wrong.sort_by_key(|(seed, _)| *seed);
    for (seed, (case, reason)) in &wrong {
        println!("seed {seed}: {reason}: {case:?}");
    }
    assert!(wrong.is_empty(), "{} of {seeds:?} are wrong", wrong.len());
    println!("{seeds:?}: none is wrong");
}

#[test]
fn two_thousand() {
    assert_cases(0..2000);
}

#[test]
#[ignore = "a few minutes: see above"]
fn many() {
    let number = |name: &str, otherwise: u64| {
        let number = env::var(name).map(|number| number.parse().expect("a whole number"));
        number.unwrap_or(otherwise)
    };
    let first = number("RANDOM_CASES_FROM", 0);
    assert_cases(first..first + number("RANDOM_CASES", 100_000));
}
