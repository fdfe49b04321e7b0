//! Fuzzing for some seconds: random modules against other engines, and damaged inputs of all kinds,
//! which must become errors and never a panic. docs/fuzzing.md says how to run more of it.
//!
//! Targets get a second each (with `W2N_FULL=1`, 20). `BOLERO_RANDOM_TEST_TIME_MS` is another time,
//! and `BOLERO_RANDOM_SEED=N` repeats a failure.

mod declarations;
mod edit;
mod embedded;
mod modules;
mod objects;
mod profiles;
mod readers;
mod words;

use std::time::Duration;
use test_kit::trials;
use wasm2native::start;

use declarations::declarations;
use embedded::embedded;
use modules::{a_difference_is_found_and_shrunk, random_modules_do_the_same};
use objects::objects;
use profiles::profiles;
use readers::{binaries, texts};
use words::{options, programs_with_options};

fn main() {
    let targets = trials!["targets":
        binaries, declarations, embedded, objects, options, profiles, programs_with_options, texts,
    ];
    let modules = trials!["modules": a_difference_is_found_and_shrunk, random_modules_do_the_same];
    test_kit::trial::run(targets.into_iter().chain(modules));
}

/// How long a target runs, unless the environment says otherwise.
fn time() -> Duration {
    Duration::from_secs(if test_kit::trial::is_full() { 20 } else { 1 })
}

/// Runs a target with the stack that the commands have.
fn with_stack(target: impl FnOnce() + Send) {
    start::with_threads(Some(1), target).expect("a thread can be started");
}
