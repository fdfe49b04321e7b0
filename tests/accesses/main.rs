//! Every kind of access, with hostile offsets and indices, to every form of memory and table: it
//! reaches what exact arithmetic says, or traps, and nothing else changes.
//!
//! A generator (`kind.rs`, `form.rs`) makes the modules, and an oracle in integers of 128 bits says
//! what they have to do. The cases are tried in two ways:
//!
//! * Natively (`native.rs`): a module and its assertions make a test script of the specification,
//!   which becomes a program. Where a script cannot say where a memory comes from, each case is a
//!   run of a program (`supplied.rs`).
//! * As CLIF (`clif.rs`), for each processor: an evaluator follows the instructions of each access
//!   on a memory of which only the borders exist.
//!
//! `operators.rs` tries operators whose operands come from the end of a memory or are constants.
//!
//! `cargo test` tries everything at `-O2`, and a part at other levels and as CLIF. `W2N_FULL=1`
//! tries everything. Each test prints how much that was.

mod bulk;
mod clif;
mod clif_bulk;
mod evaluate;
mod form;
mod kind;
mod native;
mod operators;
mod sample;
mod script;
mod segment;
mod supplied;
mod table;

use anyhow::Result;
use form::{FORMS, MemoryOrigin};
use libtest_mimic::Trial;
use sample::Sample;
use std::time::Instant;

/// One case in so many is a run of a program; and where everything is asked for.
const RUNS: (u64, u64) = (300, 20);

fn main() {
    let mut trials = Vec::new();
    for (level, flags, part) in native::LEVELS {
        let sample = Sample::one_in(part, level);
        for form in FORMS.iter().filter(|form| form.place != MemoryOrigin::Supplied) {
            let accesses = move || native::check(&script::accesses(form, sample), flags);
            trials.push(trial(format!("{}/accesses {level}", form.name), accesses));
            let bulk = move || native::check(&bulk::operations(form, sample), flags);
            trials.push(trial(format!("{}/bulk {level}", form.name), bulk));
        }
        trials.push(trial(format!("tables/operations {level}"), move || {
            native::check(&table::operations(sample), flags)
        }));
        let operators = move || native::check(&operators::operators_of_all_kinds(sample), flags);
        trials.push(trial(format!("operators/operands {level}"), operators));
        trials.push(trial(format!("segments/active {level}"), move || native::check(&segment::active(sample), flags)));
        for form in FORMS.iter().filter(|form| matches!(form.place, MemoryOrigin::Supplied | MemoryOrigin::Imported)) {
            let runs = if test_kit::trial::is_full() { RUNS.1 } else { RUNS.0 };
            let check = move || supplied::check(form, flags, Sample::OneIn(runs, level));
            trials.push(trial(format!("{}/runs {level}", form.name), check));
        }
    }
    for processor in clif::PROCESSORS {
        for form in &FORMS {
            for manner in clif::MANNERS {
                let sample = Sample::one_in(manner.part, processor.name);
                let check = move || clif::check(form, processor, manner, sample);
                trials.push(trial(format!("{}/{} {}", form.name, manner.name, processor.name), check));
                let bulk = move || clif_bulk::check(form, processor, manner);
                trials.push(trial(format!("{}/bulk {} {}", form.name, manner.name, processor.name), bulk));
            }
        }
    }
    test_kit::trial::run(trials);
}

/// A test that says how many checks it has made.
fn trial(name: String, check: impl FnOnce() -> Result<usize> + Send + 'static) -> Trial {
    test_kit::trial::trial(name.clone(), move || {
        let start = Instant::now();
        let n = check()?;
        assert!(n > 0, "nothing was tried");
        println!("{name}: {n} checks in {:.2} s", start.elapsed().as_secs_f32());
        Ok(())
    })
}
