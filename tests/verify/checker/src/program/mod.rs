//! Finished programs: that their code is the proved objects' code, and leads where they say.
//!
//! Comes in: an executable for Linux, on x86-64 or aarch64, that wasm2native linked by itself, with
//! its symbols; the objects of its modules, which [`crate::check`] proves; and the objects and
//! archives that the runtime consists of. Goes out: how much was found again, and what is not as it
//! should be.
//!
//! | file | what |
//! | --- | --- |
//! | `elf` | segments, symbols, and the addresses that the program's start fills in |
//! | `processor` | what differs between processors |
//! | `x86_64`, `aarch64` | kinds of relocations, and what fills gaps |
//! | `template` | bytes of an object as the linker may write them |
//! | `section` | sections of an object at their places, byte for byte but for relocated fields |
//! | `relocated` | where relocated fields lead |
//! | `segments` | what may be written and executed, and where the program begins |
//! | `runtime` | the rest of the code, function by function of the runtime |
//!
//! Unwinding tables, which the linker writes anew, are not looked at. A program without symbols
//! can't be checked: names are how fields of the object and places of the program belong together.

mod aarch64;
mod elf;
mod processor;
mod relocated;
mod runtime;
mod section;
mod segments;
mod template;
mod x86_64;

use anyhow::{Result, ensure};
use elf::Elf;
pub use runtime::Runtime;
use section::Placed;
use std::fmt;

/// What was found again in a program, and what was not.
#[derive(Clone, Debug, Default)]
pub struct Linked {
    /// Sections of the modules' objects.
    pub sections: usize,
    /// Relocated fields in them.
    pub fields: usize,
    /// Functions of the runtime and the C library.
    pub functions: usize,
    pub failures: Vec<String>,
}

impl Linked {
    fn fail(&mut self, reason: impl Into<String>) {
        self.failures.push(reason.into());
    }
}

impl fmt::Display for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Linked { sections, fields, functions, failures } = self;
        let unproved = failures.len();
        write!(
            f,
            "{sections} sections, {fields} relocated fields, {functions} functions of the runtime, unproved: {unproved}"
        )
    }
}

/// Checks a program against the objects that it was linked from.
///
/// # Errors
/// When a file can't be read, or the program is not of the form that wasm2native links.
pub fn check_program(program: &[u8], objects: &[&[u8]], runtime: &Runtime) -> Result<Linked> {
    let elf = Elf::read(program)?;
    ensure!(elf.has_symbols(), "the program has no symbols");
    let mut linked = Linked::default();
    let mut placed = Vec::new();
    for object in objects {
        placed.push(Placed::read(&elf, object, &mut linked)?);
    }
    for object in &placed {
        object.check_contents(&elf, &mut linked);
        relocated::check(&elf, object, &mut linked);
    }
    let modules: Vec<_> = placed.iter().flat_map(Placed::code).collect();
    segments::check(&elf, &placed, &modules, &mut linked);
    runtime::check(&elf, runtime, &modules, &mut linked);
    Ok(linked)
}
