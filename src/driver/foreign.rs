//! The declarations of imported C functions: those of the command line, which hold for all modules
//! of a program, and each module's own.

use crate::foreign::parse::{self, Declaration};
use crate::foreign::{Foreign, SECTION, check};
use crate::options::{Options, Origin, Source};
use crate::progress::Observer;
use crate::resolve::Linked;
use crate::translate::c_abi::long_bits;
use crate::wasm::Module;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use target_lexicon::Triple;

/// What the imports of each module are in C.
///
/// # Errors
/// When a declaration can't be understood or does not fit, or one of the command line was of no
/// use.
pub fn declare(linked: &[Linked], options: &Options, triple: &Triple, observer: &dyn Observer) -> Result<Vec<Foreign>> {
    let mut given: Vec<Declaration> = Vec::new();
    for source in &options.imports {
        given.extend(parse::parse(source)?);
    }
    // Which of them belong to an import.
    let mut used = BTreeSet::new();
    let mut declare = |linked: &Linked| -> Result<Foreign> {
        let section = Source { origin: Origin::Section, text: read_section(linked.module)? };
        let section = parse::parse(&section)?;
        check::check(linked.module, &linked.linkage, &given, &section, long_bits(triple), &mut used)
    };
    let foreign = linked.iter().map(|it| it.source.explain(declare(it))).collect::<Result<Vec<_>>>()?;
    let modules: Vec<_> = linked.iter().map(|linked| linked.module).collect();
    let warnings = check::check_use(&given, &used, &modules)?;
    warnings.iter().for_each(|warning| observer.warning(warning));
    Ok(foreign)
}

/// The module's own declarations.
fn read_section(module: &Module) -> Result<String> {
    let mut text = String::new();
    for (_, data) in module.custom.iter().filter(|(name, _)| *name == SECTION) {
        let part = std::str::from_utf8(data).with_context(|| format!("custom section {SECTION} is not UTF-8"))?;
        text.push_str(part);
        text.push('\n');
    }
    Ok(text)
}
