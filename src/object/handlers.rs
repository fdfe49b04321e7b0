//! The tables by which the runtime finds where an exception lands, and where exceptions are kept:
//! see [`TryCall`].

use super::bytes::Data;
use super::text::{Text, offset_in_text};
use super::writer::Writer;
use crate::abi::exception::{ANY_TAG, Handler, HandlerFields, LAST_HANDLER, TryCall, TryCallFields};
use crate::code::Code;
use crate::layout::{GlobalPlan, Symbol, is_exception};
use crate::number::to_u32;
use crate::wasm::TagIndex;
use object::write::{StandardSection, SymbolId};
use std::collections::HashMap;
use wasmparser::ValType;

/// An array in the object: null if it is empty.
pub type Array = (Option<SymbolId>, u64);

const HANDLER: usize = size_of::<Handler>();
const TRY_CALL: usize = size_of::<TryCall>();

pub struct HandlerTables {
    pub try_calls: Array,
    pub handlers: Option<SymbolId>,
    pub tags: Option<SymbolId>,
}

/// Writes the handlers of all calls. Consecutive calls with the same handlers share them.
pub fn write(writer: &mut Writer, code: &Code, text: &Text) -> HandlerTables {
    let (mut calls, mut handlers, mut tags) = (Data::default(), Data::default(), Data::default());
    let mut numbers: HashMap<TagIndex, u32> = HashMap::new();
    for (func, start) in code.functions.iter().zip(&text.starts) {
        let mut previous: (&[_], u32) = (&[], 0);
        for call in &func.try_calls {
            if previous.0 != call.handlers {
                previous = (&call.handlers, to_u32(handlers.bytes.len() / HANDLER));
                for (i, (tag, landing)) in call.handlers.iter().enumerate() {
                    let number = tag.map_or(ANY_TAG, |tag| {
                        let next = to_u32(numbers.len());
                        *numbers.entry(tag).or_insert_with(|| {
                            tags.address(writer.refer(Symbol::Tag(tag)));
                            next
                        })
                    });
                    let last = if i.saturating_add(1) == call.handlers.len() { LAST_HANDLER } else { 0 };
                    handlers.record(HandlerFields { tag: number | last, landing: offset_in_text(*start, *landing) });
                }
            }
            calls.record(TryCallFields {
                return_address: offset_in_text(*start, call.return_address),
                frame_size: call.frame_size,
                handlers: previous.1,
            });
        }
    }
    let n_calls = calls.bytes.len() / TRY_CALL;
    let mut local = |name, section, data: Data, alignment| {
        (!data.bytes.is_empty()).then(|| writer.local(name, section, data, alignment))
    };
    HandlerTables {
        try_calls: (local("w2n.try_calls", StandardSection::ReadOnlyData, calls, 4), n_calls as u64),
        handlers: local("w2n.handlers", StandardSection::ReadOnlyData, handlers, 4),
        tags: local("w2n.tags", StandardSection::ReadOnlyDataWithRel, tags, 8),
    }
}

/// The globals of this module that hold exceptions, where the collector looks for them.
pub fn write_globals(writer: &mut Writer) -> Array {
    let mut symbols = Vec::new();
    for (index, global) in &writer.module.globals {
        let stored = matches!(writer.layout.globals[index], GlobalPlan::Storage(_) | GlobalPlan::Computed);
        if stored && matches!(global.ty.content_type, ValType::Ref(ty) if is_exception(ty)) {
            symbols.push(Symbol::Global(index));
        }
    }
    write_addresses(writer, "w2n.exception_globals", &symbols)
}

/// The tables of this module that hold exceptions.
pub fn write_tables(writer: &mut Writer) -> Array {
    let tables = writer.module.tables.iter();
    let ours = tables.filter(|(_, table)| table.definition.local().is_some() && is_exception(table.ty.element_type));
    let symbols: Vec<_> = ours.map(|(index, _)| Symbol::Table(index)).collect();
    write_addresses(writer, "w2n.exception_tables", &symbols)
}

fn write_addresses(writer: &mut Writer, name: &str, symbols: &[Symbol]) -> Array {
    if symbols.is_empty() {
        return (None, 0);
    }
    let mut data = Data::default();
    for &symbol in symbols {
        data.address(writer.refer(symbol));
    }
    (Some(writer.local(name, StandardSection::ReadOnlyDataWithRel, data, 8)), symbols.len() as u64)
}
