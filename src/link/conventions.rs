//! Whether objects whose functions call each other by reference come from generators that fit each
//! other.
//!
//! Comes in: this program's objects and the user's, before a linker sees them. Goes out: nothing,
//! or one message for all symbols where they don't fit. What marks an object is in
//! `object::conventions`.

use super::native::Natives;
use super::symbols::{self, ObjectSymbols};
use crate::object::conventions::GENERATOR;
use anyhow::{Result, bail};
use std::collections::BTreeMap;

/// Compares the marks of all objects.
///
/// # Errors
/// When two objects have one symbol from generators that don't fit each other.
pub fn check(objects: &[Vec<u8>], natives: &Natives) -> Result<()> {
    let theirs: Vec<_> = natives.files.iter().flat_map(|file| &file.objects).flat_map(marks).collect();
    if theirs.is_empty() {
        return Ok(());
    }
    let machine = natives.target.machine;
    let ours: Vec<ObjectSymbols> =
        objects.iter().map(|object| symbols::object("the module", object, machine)).collect::<Result<_>>()?;
    let mut known: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut mixed = Vec::new();
    for (symbol, generator, object) in ours.iter().flat_map(marks).chain(theirs) {
        let (first, by) = *known.entry(symbol).or_insert((generator, object));
        if first != generator {
            mixed.push(format!("`{symbol}`: {by} was made by {first}, {object} by {generator}"));
        }
    }
    if !mixed.is_empty() {
        bail!(
            "functions of one generator can't be called through references by functions of another:\n  {}\n\
             help: make all of them with the same --generator; with LLVM, functions of modules with tail calls (`llvm-tailcc`) \
             call each other in another way: make these with --generator cranelift",
            mixed.join("\n  ")
        );
    }
    Ok(())
}

/// The marked symbols of an object, each with its generator and the name of the object.
fn marks(object: &ObjectSymbols) -> impl Iterator<Item = (&str, &str, &str)> {
    let split = |name: &'_ str| name.find(GENERATOR).map(|at| (at, at.saturating_add(GENERATOR.len())));
    object.defined.iter().filter_map(move |definition| {
        let (end, start) = split(&definition.name)?;
        Some((&definition.name[..end], &definition.name[start..], &object.name[..]))
    })
}
