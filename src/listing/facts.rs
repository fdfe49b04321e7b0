//! What analysis found out ([`Facts`]).

use super::{line, title};
use crate::analyze::Facts;
use crate::unit::Unit;
use crate::wasm::describe::describe_index;
use crate::wasm::{Definition, EntityIndex};

/// The facts of a unit. An entity without a line is not used at all, or only in the plainest way.
pub fn print(unit: &Unit) -> String {
    let Unit { module, facts, .. } = unit;
    let Facts {
        reachable,
        address_taken,
        globals_written,
        tables_used,
        tables_written,
        tables_grown,
        memories_grown,
        imports_guarded,
        tries,
    } = facts;
    let mut text = String::new();
    title(&mut text, "facts", unit);
    for (func, function) in &module.functions {
        let is_local = matches!(function.definition, Definition::Local(_));
        line(
            &mut text,
            &module.describe(func),
            &[
                (!is_local, "imported"),
                (reachable.contains(func), "reachable"),
                (is_local && !reachable.contains(func), "unreachable, so that it has no code"),
                (address_taken.contains(func), "address taken"),
                (imports_guarded.contains(func), "exceptions may come out of it"),
                (!tries[func].is_empty(), "has legacy `try`s"),
            ],
        );
    }
    for table in module.tables.keys() {
        let properties = [
            (tables_used.contains(table), "used"),
            (tables_written.contains(table), "written"),
            (tables_grown.contains(table), "grown"),
        ];
        line(&mut text, &describe_index(EntityIndex::Table(table)), &properties);
    }
    for memory in module.memories.keys() {
        let name = describe_index(EntityIndex::Memory(memory));
        line(&mut text, &name, &[(memories_grown.contains(memory), "grown")]);
    }
    for global in module.globals.keys() {
        let name = describe_index(EntityIndex::Global(global));
        line(&mut text, &name, &[(globals_written.contains(global), "written")]);
    }
    text
}
