//! The tables by which the runtime finds where an exception lands: see [`TryCall`].

use super::bytes::Data;
use super::text::{Text, offset_in_text};
use super::writer::Writer;
use crate::abi::exception::{ANY_TAG, Handler, HandlerFields, LAST_HANDLER, TryCall, TryCallFields};
use crate::code::Code;
use crate::layout::Symbol;
use crate::number::to_u32;
use crate::wasm::TagIndex;
use object::write::{StandardSection, SymbolId};
use std::collections::HashMap;

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
