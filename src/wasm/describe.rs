//! Imports and types as messages write them.

use super::structure;
use super::{EntityIndex, ImportName, Module};
use wasmparser::{FuncType, GlobalType, MemoryType, TableType, ValType};

/// The type of an entity with the word for its kind: `function (i32) -> i32`.
pub fn describe_entity(module: &Module, entity: EntityIndex) -> String {
    match entity {
        EntityIndex::Function(func) => format!("function {}", describe_type(module.function_type(func))),
        EntityIndex::Table(table) => {
            let ty = &module.tables[table].ty;
            format!("{} with {}", describe_table(ty), describe_limits(ty.initial, ty.maximum, "elements"))
        }
        EntityIndex::Memory(memory) => describe_memory(&module.memories[memory].ty),
        EntityIndex::Global(global) => describe_global(&module.globals[global].ty),
        EntityIndex::Tag(tag) => describe_tag(module.signature(module.tags[tag].ty)),
    }
}

fn describe_memory(ty: &MemoryType) -> String {
    let shared = if ty.shared { "shared " } else { "" };
    let bits = if ty.memory64 { "64-bit " } else { "" };
    format!("{shared}{bits}memory with {}", describe_limits(ty.initial, ty.maximum, "pages"))
}

fn describe_limits(initial: u64, maximum: Option<u64>, unit: &str) -> String {
    match maximum {
        Some(maximum) => format!("{initial} to {maximum} {unit}"),
        None => format!("{initial} {unit} or more"),
    }
}

/// `` `env.foo` ``, with control characters escaped; a very long name is truncated.
pub fn describe_name(import: ImportName) -> String {
    const LONGEST: usize = 200;
    let full = format!("{}.{}", import.module.escape_debug(), import.name.escape_debug());
    match full.char_indices().nth(LONGEST) {
        Some((end, _)) => {
            let length = import.module.len().saturating_add(import.name.len()).saturating_add(1);
            format!("`{}…` ({length} bytes)", &full[..end])
        }
        None => format!("`{full}`"),
    }
}

/// Kind and index of an entity: `memory 0`.
pub fn describe_index(entity: EntityIndex) -> String {
    match entity {
        EntityIndex::Function(func) => format!("function {}", func.as_u32()),
        EntityIndex::Table(table) => format!("table {}", table.as_u32()),
        EntityIndex::Memory(memory) => format!("memory {}", memory.as_u32()),
        EntityIndex::Global(global) => format!("global {}", global.as_u32()),
        EntityIndex::Tag(tag) => format!("tag {}", tag.as_u32()),
    }
}

/// A value type as the text format writes it, with the indices of declared types.
pub fn describe_value(ty: ValType) -> String {
    match ty {
        ValType::Ref(reference) => match structure::declared(reference.heap_type()) {
            Some(ty) => format!("(ref {}{})", if reference.is_nullable() { "null " } else { "" }, ty.as_u32()),
            None => ty.to_string(),
        },
        _ => ty.to_string(),
    }
}

/// `(i32, i64) -> f32`; several results are in parentheses.
pub fn describe_type(ty: &FuncType) -> String {
    let list = |types: &[ValType]| types.iter().map(|ty| describe_value(*ty)).collect::<Vec<_>>().join(", ");
    match ty.results() {
        [] => format!("({})", list(ty.params())),
        [one] => format!("({}) -> {}", list(ty.params()), describe_value(*one)),
        many => format!("({}) -> ({})", list(ty.params()), list(many)),
    }
}

pub fn describe_table(ty: &TableType) -> String {
    format!("table of {}", describe_value(ty.element_type.into()))
}

pub fn describe_tag(ty: &FuncType) -> String {
    format!("tag of type {}", describe_type(ty))
}

pub fn describe_global(ty: &GlobalType) -> String {
    format!("{} global of type {}", if ty.mutable { "mutable" } else { "immutable" }, describe_value(ty.content_type))
}
