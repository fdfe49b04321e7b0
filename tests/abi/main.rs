//! The edge to C: calls in both directions, checked by C code that the system's compiler has made,
//! by assembly, and against the processor's ABI document.
//!
//! Generated: see `signature.rs` for the function types, `module.rs` for the Wasm code, `source.rs`
//! and `support.c` for the C code. A case is a signature and a way of making a call; many cases
//! make one program. The numbers come from a seed, which is printed; `W2N_ABI_SEED=N` tries others.
//! `W2N_PART=1` makes every fourth of the programs.

mod batch;
mod kind;
mod module;
mod processor;
mod random;
mod signature;
mod source;
mod stack;
mod unwind;

use anyhow::{Result, anyhow, bail};
use batch::Batch;
use libtest_mimic::Trial;
use processor::Processor;
use random::Random;
use std::sync::Arc;
use test_kit::trial::{Skip, trial};
use test_kit::{target, tool};

/// How many signatures make one program.
const BATCH: usize = 24;

/// Of how many programs a part has one. It has no factor in common with the ways to make them.
const PART: usize = 4;

const SEED: u64 = 2026;

fn main() {
    let seed = match std::env::var("W2N_ABI_SEED") {
        Ok(text) => text.parse().expect("W2N_ABI_SEED is a number"),
        Err(_) => SEED,
    };
    eprintln!("seed {seed}");
    let trials = match processor() {
        Ok(processor) => calls(processor, seed).into_iter().chain(unwind::trials()).chain(stack::trials()).collect(),
        Err(skip) => vec![trial("calls", move || Err(skip))],
    };
    test_kit::trial::run(trials);
}

/// The processor on which calls can be tried here.
fn processor() -> Result<&'static Processor> {
    tool::require("cc")?;
    let Some(processor) = Processor::of_target() else {
        bail!(Skip::Reason("the processor has no row in tests/abi/processor.rs".to_owned()));
    };
    Ok(processor)
}

/// A trial for each signature and way.
fn calls(processor: &'static Processor, seed: u64) -> Vec<Trial> {
    let signatures = signature::all(processor, &mut Random::new(seed));
    let batch = |(number, signatures)| Arc::new(Batch::new(number, number * BATCH, signatures));
    let step = if target::is_part() { PART } else { 1 };
    let batches: Vec<_> = signatures.chunks(BATCH).enumerate().step_by(step).map(batch).collect();
    let mut trials: Vec<(usize, Trial)> = Vec::new();
    for batch in batches {
        for (number, name) in batch.names() {
            let batch = Arc::clone(&batch);
            let run = move || batch.case(number, processor).map_err(|error| anyhow!(error));
            trials.push((number, trial(name, run)));
        }
    }
    // The first case of each batch comes first: so the threads make different programs, and do not
    // wait for each other.
    trials.sort_by_key(|(number, _)| *number);
    trials.into_iter().map(|(_, trial)| trial).collect()
}
