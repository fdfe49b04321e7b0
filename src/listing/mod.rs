//! The results of the stages as text, for people who want to see what a stage made: facts, linkage,
//! layout, the initial image, and the map of a linked program.
//!
//! A line says one thing, in the order of the module's index spaces, so that two listings can be
//! compared with `diff`. What holds for an entity by default is left out.
// Numbers that a module chooses are checked; see `tests/tidy.rs`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod facts;
pub mod image;
pub mod layout;
pub mod link_map;
pub mod linkage;

use crate::unit::Unit;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// The name of a stage, and what prints its result.
type Stage = (&'static str, fn(&Unit) -> String);

/// The stages before code, in their order.
const STAGES: [Stage; 4] =
    [("linkage", linkage::print), ("facts", facts::print), ("layout", layout::print), ("image", image::print)];

/// Writes the stages before code to files of a folder: `0-linkage`, `0-facts`, and so on. Their
/// names put them before those of functions.
///
/// # Errors
/// When a file can't be written.
pub fn dump(unit: &Unit, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
    for (name, print) in STAGES {
        let path = folder.join(format!("0-{name}"));
        fs::write(&path, print(unit)).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}

/// `name: one, two`, where there is something to say.
fn line(text: &mut String, name: &str, properties: &[(bool, &str)]) {
    let true_ones: Vec<_> = properties.iter().filter(|(holds, _)| *holds).map(|(_, property)| *property).collect();
    if !true_ones.is_empty() {
        text.push_str(&format!("{name}: {}\n", true_ones.join(", ")));
    }
}

/// A listing's first line.
fn title(text: &mut String, what: &str, unit: &Unit) {
    let n_functions = unit.module.functions.len();
    text.push_str(&format!("; {what} of a module with {n_functions} functions\n"));
}
