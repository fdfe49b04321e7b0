//! The declarations of imported C functions: those of the command line, which hold for all modules
//! of a program, and each module's own.

use crate::foreign::parse::{self, Declaration};
use crate::foreign::{Foreign, SECTION, check};
use crate::options::{Options, Origin, Source};
use crate::progress::Observer;
use crate::resolve::Linkage;
use crate::translate::variadic::long_bits;
use crate::wasm::Module;
use anyhow::{Context, Result};
use std::cell::RefCell;
use std::collections::BTreeSet;
use target_lexicon::Triple;

pub struct Declarations<'a> {
    given: Vec<Declaration<'a>>,
    /// Which of them belong to an import.
    used: RefCell<BTreeSet<usize>>,
    long_bits: u8,
}

impl<'a> Declarations<'a> {
    /// Reads those of the command line.
    ///
    /// # Errors
    /// When one can't be understood.
    pub fn read(options: &'a Options, triple: &Triple) -> Result<Declarations<'a>> {
        let mut given = Vec::new();
        for source in &options.imports {
            given.extend(parse::parse(source)?);
        }
        Ok(Declarations { given, used: RefCell::default(), long_bits: long_bits(triple) })
    }

    /// What the imports of a module are in C.
    ///
    /// # Errors
    /// When its custom section can't be understood, or a declaration does not fit.
    pub fn check(&self, module: &Module, linkage: &Linkage) -> Result<Foreign> {
        let mut text = String::new();
        for (_, data) in module.custom.iter().filter(|(name, _)| *name == SECTION) {
            let part = std::str::from_utf8(data).with_context(|| format!("custom section {SECTION} is not UTF-8"))?;
            text.push_str(part);
            text.push('\n');
        }
        let source = Source { origin: Origin::Section, text };
        let section = parse::parse(&source)?;
        check::check(module, linkage, &self.given, &section, self.long_bits, &mut self.used.borrow_mut())
    }

    /// Whether every declaration was of use, once all modules were checked.
    ///
    /// # Errors
    /// When one of the command line was not.
    pub fn check_use(&self, modules: &[&Module], observer: &dyn Observer) -> Result<()> {
        let warnings = check::check_use(&self.given, &self.used.borrow(), modules)?;
        warnings.iter().for_each(|warning| observer.warning(warning));
        Ok(())
    }
}
