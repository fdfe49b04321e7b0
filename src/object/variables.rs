//! The variables of a library, with what they hold at the start, for `PREFIX_reset`.

use super::Role;
use super::bytes::Data;
use super::writer::Writer;
use crate::abi::library::{VARIABLE_BYTES, VARIABLE_MEMORY, VARIABLE_TABLE, VariableFields};
use crate::layout::Symbol;
use object::write::{StandardSection, SymbolId};

/// Notes a variable of this contents, in a library. What threads have for themselves is none.
pub fn note(writer: &mut Writer, symbol: Symbol, id: SymbolId, contents: &Data) {
    if !matches!(writer.role, Role::Library { .. }) || writer.layout.is_per_thread(symbol) {
        return;
    }
    let kind = match symbol {
        Symbol::Memory(_) => VARIABLE_MEMORY,
        Symbol::Table(_) => VARIABLE_TABLE,
        _ => VARIABLE_BYTES,
    };
    let is_zero = contents.addresses.is_empty() && contents.bytes.iter().all(|byte| *byte == 0);
    let initial =
        (!is_zero).then(|| writer.local("w2n.initial", StandardSection::ReadOnlyDataWithRel, contents.clone(), 16));
    let length = contents.bytes.len() as u64;
    writer.variables.push(VariableFields { place: Some(id), initial, length, kind });
}

/// As [`note`], of a variable that is zero.
pub fn note_zero(writer: &mut Writer, symbol: Symbol, id: SymbolId, length: u64) {
    if matches!(writer.role, Role::Library { .. }) && !writer.layout.is_per_thread(symbol) {
        writer.variables.push(VariableFields { place: Some(id), initial: None, length, kind: VARIABLE_BYTES });
    }
}

/// Writes the list.
///
/// Requires that everything is defined.
pub fn write(writer: &mut Writer, list: SymbolId) {
    let mut data = Data::default();
    for variable in std::mem::take(&mut writer.variables) {
        data.record(variable);
    }
    data.record(VariableFields { place: None, initial: None, length: 0, kind: VARIABLE_BYTES });
    let section = writer.object.section_id(StandardSection::ReadOnlyDataWithRel);
    writer.define(list, section, data, 8);
}
