//! The code generator LLVM: CLIF becomes LLVM's text form, which a `clang` on the machine compiles
//! to objects; their functions are adopted as if they had been made here.
//!
//! | file | what |
//! | --- | --- |
//! | `function` | a function's blocks, branches and calls |
//! | `operation`, `vector`, `access` | the form of each instruction |
//! | `types` | types, constants, conventions |
//! | `processor` | what the processors differ in |
//! | `unit` | definitions as a unit of text |
//! | `clang` | the compiler |
//! | `profile` | what is known of how often blocks ran |
//! | `exception` | calls that an exception may end |
//! | `adopt`, `lines`, `inlined`, `frames`, `landings` | an object taken apart |

pub mod clang;

mod access;
mod adopt;
mod exception;
mod frames;
mod function;
mod inlined;
mod landings;
mod lines;
mod operation;
mod processor;
mod profile;
mod types;
mod unit;
mod vector;

use self::adopt::Describe;
use crate::code::CompiledFunction;
use crate::options::OptLevel;
use crate::profile::Counts;
use crate::translate::profile::Passes;
use anyhow::{Context, Result};
use clang::Clang;
use cranelift_codegen::ir::Function;
pub use function::Definition;
use processor::Processor;
use rayon::prelude::*;
use std::collections::HashMap;
use target_lexicon::{BinaryFormat, Triple};

/// What is taken.
pub const VERSION: &str = "by clang 15 or newer";

/// The processor of a target that there is code for.
///
/// # Errors
/// When there is none yet.
pub fn processor(triple: &Triple) -> Result<&'static Processor> {
    let processor = Processor::of(triple).filter(|_| triple.binary_format == BinaryFormat::Elf);
    processor.with_context(|| {
        format!("--generator llvm makes code for x86-64 and aarch64 Linux only: use --generator cranelift for {triple}")
    })
}

/// The definition of a function in LLVM's text form. `number` is the job's; `passes` say how often
/// its branches went which way.
///
/// # Errors
/// When there is no form for what it has.
pub fn define(func: &Function, number: usize, target: &Target, passes: &Passes) -> Result<Definition> {
    function::define(func, number, target, passes)
}

/// What code is made for.
pub struct Target<'a> {
    pub processor: &'static Processor,
    pub triple: String,
    /// Functions of other modules call those of this one, or it theirs.
    pub is_linked: bool,
    /// Options for clang.
    pub flags: &'a [String],
    /// Other threads may write a memory while it is read.
    pub is_shared: bool,
    /// Accesses that trap, and stores, stay in their order.
    pub exact_traps: bool,
    /// How often the module's blocks ran.
    pub counts: Option<&'a Counts>,
    /// Debuggers want to know where code comes from.
    pub debug: bool,
}

/// The name of the convention by which definitions call each other, with the generator's.
pub fn convention(definitions: &[(usize, Definition)], target: &Target) -> &'static str {
    if has_tail_calls(definitions, target) { "llvm-tailcc" } else { "llvm" }
}

/// Modules that call each other have one convention, whether or not they have tail calls.
fn has_tail_calls(definitions: &[(usize, Definition)], target: &Target) -> bool {
    target.is_linked || definitions.iter().any(|(_, definition)| definition.has_tail_calls)
}

/// All units as text.
pub fn print(definitions: &[(usize, Definition)], target: &Target) -> Vec<String> {
    let has_tail_calls = has_tail_calls(definitions, target);
    let units = unit::divide(definitions).into_iter();
    let has_landings = definitions.iter().any(|(_, definition)| definition.has_landings);
    let summary = target.counts.map_or(String::new(), |counts| profile::summary(&counts.summary));
    let tuning = processor::tuning(target.flags);
    let module = unit::ModuleForm { triple: &target.triple, has_tail_calls, has_landings, tuning, summary: &summary };
    units.map(|range| unit::text(&definitions[range], &module)).collect()
}

/// Compiles definitions; the functions are in their order.
///
/// # Errors
/// When clang fails, or makes what is not known here.
pub fn compile(
    clang: &Clang,
    definitions: &[(usize, Definition)],
    target: &Target,
    level: OptLevel,
    describe: &Describe,
) -> Result<Vec<CompiledFunction>> {
    let texts = print(definitions, target);
    let objects = texts.par_iter().map(|text| {
        let object = clang.compile(text, level, target.flags)?;
        adopt::functions(&object, target.processor, describe, target.debug)
    });
    let objects: Vec<Vec<CompiledFunction>> = objects.collect::<Result<_>>()?;
    let mut functions: HashMap<_, _> = objects.into_iter().flatten().map(|it| (it.symbol, it)).collect();
    let take = |(_, definition): &(usize, Definition)| {
        functions.remove(&definition.symbol).expect("LLVM keeps functions that are not its own")
    };
    Ok(definitions.iter().map(take).collect())
}
