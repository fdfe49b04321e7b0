//! Proves of finished machine code where it can go and what it can access, function by function.
//!
//! Comes in: an object for x86-64 or aarch64 that wasm2native wrote, and the module that it was
//! made of. Goes out: how many accesses, calls and jumps were proved in which way, and what could
//! not be. What is proved, and what is taken for granted, is in `docs/verify.md`. Nothing here is
//! the compiler's: instructions are decoded by `yaxpeax-x86` and `disarm64`, and proofs know the
//! finished bytes, the symbols and the relocations only.
//!
//! | file | what |
//! | --- | --- |
//! | `image` | the object: functions, symbols, relocations |
//! | `signature` | names of function types, and the stack that they take |
//! | `knowledge` | what is trusted of the module: sizes of memories and tables, kinds of symbols |
//! | `report` | what was found |
//! | `value` | values of registers, as sums of terms |
//! | `state` | what is known at a point of a function |
//! | `assume` | what compares tell |
//! | `join` | what comes of two states |
//! | `machine` | what executes instructions, and what a processor has of its own |
//! | `endless` | functions that never return |
//! | `compute` | what is known of results |
//! | `flags` | what compares leave behind, and what jumps and moves on a condition tell |
//! | `frames` | where functions store registers, as the runtime takes them from there |
//! | `access` | where addresses lie, and what is allowed there |
//! | `calls` | calls, jumps to functions, and returns |
//! | `guess` | what may hold in each round of a loop |
//! | `flow` | blocks, the fixed point, and the pass that counts |
//! | `aarch64`, `x86_64` | instructions and operands, and how they change a state |
//! | `program` | finished programs, which are linked from proved objects |

mod image;
mod signature;

mod knowledge;
mod report;

mod value;

mod assume;
mod join;
mod state;

mod machine;

mod endless;

mod access;
mod calls;
mod compute;
mod flags;
mod frames;

mod guess;

mod flow;

mod aarch64;
mod x86_64;

mod program;

use aarch64::Aarch64;
use anyhow::Result;
use image::Image;
use knowledge::Knowledge;
pub use knowledge::Trusted;
use object::Architecture;
pub use program::{Linked, Runtime, check_program};
use rayon::prelude::*;
pub use report::{Class, Failure, Report};
use x86_64::X86;

/// Checks all functions of an object.
///
/// # Errors
/// When the object or the module can't be read.
pub fn check(object: &[u8], trusted: &Trusted) -> Result<Report> {
    let image = Image::read(object)?;
    let mut knowledge = Knowledge::new(&image, trusted)?;
    if trusted.llvm {
        knowledge.endless = match image.architecture {
            Architecture::Aarch64 => endless::functions::<Aarch64>(&image),
            _ => endless::functions::<X86>(&image),
        };
    }
    let check = |function| match image.architecture {
        Architecture::Aarch64 => flow::check::<Aarch64>(&knowledge, function),
        _ => flow::check::<X86>(&knowledge, function),
    };
    let reports: Vec<Report> = image.functions.par_iter().map(check).collect();
    let mut report = Report::default();
    reports.into_iter().for_each(|one| report.add(one));
    report.check_closed_tables();
    Ok(report)
}
