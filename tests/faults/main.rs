//! Faults of the system, injected: every call that can fail is made to fail once, in the compiler
//! and in its programs, and builds are killed while they run.
//!
//! `cargo test --test faults -- NAME` runs what has NAME in its name.

mod cache;
mod compiler;
mod inject;
mod programs;

fn main() {
    test_kit::trial::run(programs::trials().into_iter().chain(compiler::trials()).chain(cache::trials()));
}
