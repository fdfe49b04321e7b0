//! Writing: layout and machine code to an object file, with the crate `object`.
//!
//! One text section with all functions, calls between them resolved here; data only for what the
//! code or the description of the module refers to, so that nothing dead reaches the linker.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod accesses;
pub mod assembly;
mod bytes;
pub mod conventions;
mod data;
mod debug;
mod describe;
mod dwarf;
mod exports;
pub mod format;
mod frames;
mod handlers;
pub mod image;
pub mod imports;
pub mod instances;
pub mod interface;
mod lines;
pub mod listing;
mod profile;
pub mod program;
mod records;
mod roots;
pub mod script;
mod text;
mod variables;
mod writer;

use crate::code::Code;
use crate::unit::Unit;
use crate::wasm::FuncIndex;
use anyhow::{Context, Result};
use format::ObjectFormat;
use interface::Item;
use object::SymbolScope;
use program::Own;
use std::collections::BTreeSet;
use writer::Writer;

/// What the object is for.
pub enum Role<'a> {
    /// An executable: the module's description and how to run it.
    Program(&'a ProgramPlan),
    /// Another module of an executable.
    Member {
        /// Functions that a script calls.
        entries: &'a [FuncIndex],
    },
    /// Something to link with: its interface consists of global symbols.
    Library { plan: &'a ProgramPlan, interface: &'a [Item<'a>] },
}

/// How an executable runs its module, or what a library needs before it can be called.
pub struct ProgramPlan {
    /// `None` when there is a script instead, and in libraries.
    pub entry: Option<FuncIndex>,
    pub script: Option<Vec<script::Command>>,
    /// Name of the exported function, or prefix of the library.
    pub entry_name: String,
    pub kind: crate::abi::program::EntryKind,
    /// A WASI reactor's `_initialize`.
    pub initialize: Option<FuncIndex>,
    /// What a new thread calls, if the module starts some.
    pub thread_start: Option<FuncIndex>,
    /// The WASI functions that reachable code calls.
    pub wasi: BTreeSet<String>,
    /// The program calls WASI, or a shim that does.
    pub starts_wasi: bool,
    /// The program can use powers that the runtime keeps apart.
    pub extra_powers: bool,
    /// Directory trees that the program carries; empty if there are none.
    pub embedded: Vec<u8>,
    pub options: Vec<String>,
    /// The program can end after some time.
    pub timeout: bool,
    /// C functions and shims that the modules call directly: module and name of the import, and the
    /// symbol.
    pub foreign: Vec<[String; 3]>,
    /// The symbols of those that are functions.
    pub foreign_functions: BTreeSet<String>,
    pub fixed_powers: bool,
    /// The code looks for interrupts.
    pub interruptible: bool,
    /// See [`crate::options::Options::fatal_errors`].
    pub fatal_errors: bool,
    /// The file of the profile, if the program counts.
    pub profile: Option<String>,
}

/// Writes the object.
///
/// # Errors
/// When two imports want the same symbol, or the code is too large for one object.
pub fn write(unit: &Unit, code: &Code, role: &Role) -> Result<Vec<u8>> {
    let Unit { index, module, linkage, layout, .. } = unit;
    let instance = *index;
    let format = ObjectFormat::of(&code.triple);
    let text = text::assemble(module, layout, code, format)?;
    let object = (format, format.object(code));
    let symbols = imports::symbols(unit)?;
    let mut writer = Writer::new(object, module, layout, linkage, role, symbols);
    writer.define_functions(code, &text);
    let table_entries = writer.declare("w2n.table_entries");
    let lines = lines::write(&mut writer, unit, code);
    let accesses = accesses::write(&mut writer, &unit.source.wasm, code, &text);
    let image = describe::write(&mut writer, code, &text, table_entries, (lines, accesses))?;
    let counted = profile::write(&mut writer, unit, code);
    let variables = matches!(role, Role::Library { .. }).then(|| writer.declare("w2n.variables"));
    match role {
        Role::Program(plan) => program::write(
            &mut writer,
            plan,
            instance,
            Own { image, counted, variables: None, requirements: &code.requirements },
        ),
        Role::Member { entries } => {
            if let Some(counted) = counted {
                writer.export_symbol(&writer::counted_symbol(instance), counted, SymbolScope::Linkage);
            }
            writer.export_symbol(&writer::image_symbol(instance), image, SymbolScope::Linkage);
            exports::write_entries(&mut writer, instance, entries);
        }
        Role::Library { plan, interface } => {
            program::write(
                &mut writer,
                plan,
                instance,
                Own { image, counted, variables, requirements: &code.requirements },
            );
            match unit.instances {
                false => exports::write(&mut writer, interface),
                true => exports::write_instance(&mut writer, interface),
            }
        }
    }
    exports::write_visible(&mut writer, instance);
    data::write_needed(&mut writer);
    conventions::write(&mut writer, code.convention);
    data::write_guarded_tables(&mut writer, table_entries);
    if let Some(variables) = variables {
        variables::write(&mut writer, variables);
    }
    writer.write_aliases();
    frames::write(&mut writer, code, &text)?;
    debug::write(&mut writer, unit, code)?;
    if let Some(compiler) = &code.compiler {
        writer.name_compiler(compiler);
    }
    writer.mark_stack();
    writer.object.write().context("can't write the object")
}
