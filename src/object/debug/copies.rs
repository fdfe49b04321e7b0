//! Functions that were copied into others when code was made: debuggers show them as inlined.

use super::functions::Function;
use super::lines::Table;
use super::units::{Source, set_ranges};
use crate::layout::Symbol;
use gimli::constants as dw;
use gimli::write::{AttributeValue, Unit, UnitEntryId};
use std::collections::HashMap;

/// Adds the copies in a function below its entry.
pub fn add(unit: &mut Unit, entry: UnitEntryId, func: &Function, table: &mut Table, source: &Source) {
    // Entries of the copies, by their numbers.
    let mut entries = vec![Some(entry)];
    let mut origins: HashMap<Symbol, UnitEntryId> = HashMap::new();
    for (copy, number) in func.compiled.inlined.iter().zip(1u32..) {
        let parent = entries.get(copy.parent as usize).copied().flatten();
        let ranges = func.code_of_copy(number);
        let line = source.debug.lines.find(copy.wasm_offset);
        let entry = parent.filter(|_| !ranges.is_empty()).map(|parent| {
            let origin = *origins.entry(copy.symbol).or_insert_with(|| {
                let origin = unit.add(unit.root(), dw::DW_TAG_subprogram);
                let entry = unit.get_mut(origin);
                let name = (source.describe)(copy.symbol).into_bytes();
                entry.set(dw::DW_AT_name, AttributeValue::String(name));
                entry.set(dw::DW_AT_inline, AttributeValue::Inline(dw::DW_INL_inlined));
                origin
            });
            let id = unit.add(parent, dw::DW_TAG_inlined_subroutine);
            set_ranges(unit, id, func, ranges);
            let entry = unit.get_mut(id);
            entry.set(dw::DW_AT_abstract_origin, AttributeValue::UnitRef(origin));
            if let Some(line) = line {
                entry.set(dw::DW_AT_call_file, AttributeValue::FileIndex(table.file(line)));
                entry.set(dw::DW_AT_call_line, AttributeValue::Udata(line.line.into()));
                entry.set(dw::DW_AT_call_column, AttributeValue::Udata(line.column.into()));
            }
            id
        });
        entries.push(entry);
    }
}
