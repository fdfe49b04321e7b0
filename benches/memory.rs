//! `memcpy`, `memmove` and `memset` of the own C library beside those of the system's: `cargo bench
//! --bench memory`. `-- narrow` and `-- wide` are for processors with fewer registers.
//!
//! The table is that of the program `memory/measure.rs`, which this compiles as the runtime is
//! compiled: with optimization, and with unsafe code.

use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Command;
use test_kit::rust;

fn main() -> Result<()> {
    let work = tempfile::tempdir()?;
    let program = work.path().join("measure");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/memory/measure.rs");
    rust::program(&source, &format!("{}-unknown-linux-gnu", std::env::consts::ARCH), &program)?;
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    let status = Command::new(program).args(words).status()?;
    ensure!(status.success(), "the program ended with {status}");
    Ok(())
}
