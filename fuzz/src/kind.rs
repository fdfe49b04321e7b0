//! The kinds of random modules.

use crate::cases::{self, Calls, Cases};
use crate::grammar;
use anyhow::{Context, Result};
use std::fmt;
use test_kit::{calls, globals, loops, smith};
use wasmparser::{ExternalKind, Parser, Payload};

/// What makes the modules.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// wasm-smith, with all proposals but garbage collection.
    Smith,
    /// wasm-smith, with garbage-collected types.
    Objects,
    /// Our own grammar: what wasm-smith hardly ever meets.
    Grammar,
    /// Loops that the compiler makes over.
    Loops,
    /// Writes and reads of globals.
    Globals,
    /// Small functions that call each other.
    Calls,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no kind is hidden");
        f.write_str(value.get_name())
    }
}

/// A module without what observes it.
#[derive(Clone, Debug)]
pub struct Subject {
    pub kind: Kind,
    pub seed: u64,
    pub wasm: Vec<u8>,
    calls: Calls,
}

impl Subject {
    /// The module of `seed`.
    ///
    /// # Errors
    /// When it is not valid, which is an error of its generator.
    pub fn new(kind: Kind, seed: u64) -> Result<Subject> {
        let wasm = match kind {
            Kind::Smith => smith::plain(seed, config(seed))?,
            Kind::Objects => smith::plain(seed, smith::with_objects(config(seed)))?,
            Kind::Grammar => grammar::module(seed)?,
            Kind::Loops => loops::module(seed)?,
            Kind::Globals => globals::module(seed)?,
            Kind::Calls => calls::module(seed)?,
        };
        let calls = match kind {
            Kind::Smith | Kind::Objects => Calls::Each { fuel: smith::FUEL },
            Kind::Grammar => Calls::Each { fuel: grammar::FUEL },
            Kind::Loops => {
                Calls::Export { function: function(&wasm, loops::CHECK)?, n: loops::N_CALLS, is_large: true }
            }
            Kind::Globals => {
                Calls::Export { function: function(&wasm, globals::CHECK)?, n: globals::N_CALLS, is_large: false }
            }
            Kind::Calls => {
                Calls::Export { function: function(&wasm, calls::CHECK)?, n: calls::N_CALLS, is_large: false }
            }
        };
        Ok(Subject { kind, seed, wasm, calls })
    }

    /// The module with what observes it.
    ///
    /// # Errors
    /// When it has no functions or no exports.
    pub fn cases(&self) -> Result<Cases> {
        cases::add(&self.wasm, self.calls, self.seed)
    }

    /// The same with another module, a smaller one.
    pub fn with(&self, wasm: Vec<u8>) -> Result<Subject> {
        let calls = match (self.calls, self.kind) {
            (Calls::Export { n, is_large, .. }, _) => {
                Calls::Export { function: function(&wasm, loops::CHECK)?, n, is_large }
            }
            (calls, _) => calls,
        };
        Ok(Subject { wasm, calls, ..*self })
    }
}

/// As in the suite `differential`, and more.
fn config(seed: u64) -> wasm_smith::Config {
    let custom_page_sizes_enabled = seed % 7 == 3;
    wasm_smith::Config { custom_page_sizes_enabled, ..smith::config(seed) }
}

/// The index of an exported function.
fn function(wasm: &[u8], name: &str) -> Result<u32> {
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::ExportSection(section) = payload? else { continue };
        for export in section {
            let export = export?;
            if export.name == name && export.kind == ExternalKind::Func {
                return Ok(export.index);
            }
        }
    }
    None.with_context(|| format!("the module exports no function `{name}`"))
}
