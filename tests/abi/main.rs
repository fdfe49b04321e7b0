//! The edge to C: calls in both directions, checked by C code that the system's compiler has made,
//! by assembly, and against the processor's ABI document.
//!
//! Generated: see `signature.rs` for the function types, `module.rs` for the Wasm code, `source.rs`
//! and `support.c` for the C code. A case is a signature and a way of making a call; many cases
//! make one program. The numbers come from a seed, which is printed; `W2N_ABI_SEED=N` tries others.

mod batch;
mod kind;
mod module;
mod processor;
mod random;
mod signature;
mod source;
mod stack;
#[path = "../support/mod.rs"]
mod support;
mod unwind;

use batch::Batch;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use processor::Processor;
use random::Random;
use std::process::Command;
use std::sync::Arc;

/// How many signatures make one program.
const BATCH: usize = 24;

const SEED: u64 = 2026;

fn main() {
    let arguments = Arguments::from_args();
    let seed = match std::env::var("W2N_ABI_SEED") {
        Ok(text) => text.parse().expect("W2N_ABI_SEED is a number"),
        Err(_) => SEED,
    };
    eprintln!("seed {seed}");
    let trials = match (missing(), Processor::host()) {
        (None, Some(processor)) => {
            calls(processor, seed).into_iter().chain(unwind::trials()).chain(stack::trials()).collect()
        }
        (reason, _) => {
            let reason = reason.unwrap_or("the processor has no row in tests/abi/processor.rs");
            vec![Trial::ignorable_test("calls", move || Ok(Completion::ignored_with(reason)))]
        }
    };
    libtest_mimic::run(&arguments, trials).exit();
}

/// Why nothing can be tried here.
fn missing() -> Option<&'static str> {
    let answers = Command::new("cc").arg("--version").output().is_ok_and(|output| output.status.success());
    (!answers).then_some("no C compiler `cc`: install gcc or clang")
}

/// A trial for each signature and way.
fn calls(processor: &'static Processor, seed: u64) -> Vec<Trial> {
    let signatures = signature::all(processor, &mut Random::new(seed));
    let batch = |(number, signatures)| Arc::new(Batch::new(number, number * BATCH, signatures));
    let batches: Vec<_> = signatures.chunks(BATCH).enumerate().map(batch).collect();
    let mut trials: Vec<(usize, Trial)> = Vec::new();
    for batch in batches {
        for (number, name) in batch.names() {
            let batch = Arc::clone(&batch);
            let run = move || batch.case(number, processor).map_err(Failed::from);
            trials.push((number, Trial::test(name, run)));
        }
    }
    // The first case of each batch comes first: so the threads make different programs, and do not
    // wait for each other.
    trials.sort_by_key(|(number, _)| *number);
    trials.into_iter().map(|(_, trial)| trial).collect()
}
