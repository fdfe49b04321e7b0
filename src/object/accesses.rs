//! What is known of accesses that fail, for the messages of traps: what they compared, and the
//! module's own C stack.
//!
//! The generator says where code has the value when it traps, and the operator in the module what
//! was added to the index. Accesses that fault need no row: the fault tells the address.

use super::bytes::Data;
use super::describe::{signed, unsigned};
use super::text::{Text, offset_in_text};
use super::writer::Writer;
use crate::abi::image::{ACCESS_CONSTANT, ACCESS_END, ACCESS_MORE, AccessesFields};
use crate::code::{Code, Compared, ComparedValue, CompiledFunction};
use crate::layout::{GlobalPlan, Symbol};
use crate::wasm::constant::{self, Constant};
use crate::wasm::{self, DataMode, MemoryIndex, access};
use object::write::{StandardSection, SymbolId};

/// The record of [`Image::accesses`](crate::abi::image::Image::accesses), if there is anything to
/// say.
pub fn write(writer: &mut Writer, wasm: &[u8], code: &Code, text: &Text) -> Option<SymbolId> {
    let stack = c_stack(writer);
    let Rows { rows, memories } = Rows::of(writer, wasm, code, text);
    if stack.is_none() && rows.is_empty() {
        return None;
    }
    let length = rows.len() as u64;
    let (mut list, mut data) = (Data::default(), Data::default());
    for memory in memories {
        list.address(writer.refer(Symbol::Memory(memory)));
    }
    let has_rows = length != 0;
    let memories =
        has_rows.then(|| writer.local("w2n.accessed_memories", StandardSection::ReadOnlyDataWithRel, list, 8));
    let rows = has_rows.then(|| writer.local("w2n.compared", StandardSection::ReadOnlyData, rows.into(), 1));
    data.record(AccessesFields {
        explain: Some(writer.runtime_symbol("w2n_explain_access")),
        stack_pointer: stack.map(|stack| stack.pointer),
        stack_top: stack.map_or(0, |stack| stack.top),
        stack_size: stack.map_or(0, |stack| stack.size),
        memories,
        rows,
        length,
    });
    Some(writer.local("w2n.accesses", StandardSection::ReadOnlyDataWithRel, data, 8))
}

/// The C stack in a module's memory.
#[derive(Clone, Copy)]
struct CStack {
    pointer: SymbolId,
    top: u64,
    /// Bytes below the top until data, or the memory's start.
    size: u64,
}

/// The stack of modules that wasm-ld has linked: a variable of this name, with an address at first.
/// Nothing where each thread has a variable of its own.
fn c_stack(writer: &mut Writer) -> Option<CStack> {
    let module = writer.module;
    let global = module.names.stack_pointer()?;
    let top = match writer.layout.globals.get(global)? {
        GlobalPlan::Storage(Constant::I32(top)) => u64::from(top.cast_unsigned()),
        _ => return None,
    };
    if writer.layout.is_per_thread(Symbol::Global(global)) {
        return None;
    }
    let end = |data: &wasm::Data| match &data.mode {
        DataMode::Active { offset, .. } => match constant::evaluate(module, offset)? {
            Constant::I32(start) => Some(u64::from(start.cast_unsigned()).saturating_add(data.bytes.len() as u64)),
            _ => None,
        },
        DataMode::Passive => None,
    };
    let data_below = module.data.values().filter_map(end).filter(|end| *end <= top).max();
    let size = top.saturating_sub(data_below.unwrap_or(0));
    Some(CStack { pointer: writer.refer(Symbol::Global(global)), top, size })
}

struct Rows {
    rows: Vec<u8>,
    memories: Vec<MemoryIndex>,
}

impl Rows {
    fn of(writer: &Writer, wasm: &[u8], code: &Code, text: &Text) -> Rows {
        let (mut rows, mut memories) = (Vec::new(), Vec::<MemoryIndex>::new());
        let mut last = 0;
        for (func, start) in code.functions.iter().zip(&text.starts) {
            for compared in &func.compared {
                let Some(row) = Row::of(writer, wasm, func, compared) else { continue };
                let number = memories.iter().position(|memory| *memory == row.memory).unwrap_or_else(|| {
                    memories.push(row.memory);
                    memories.len().saturating_sub(1)
                });
                let place = offset_in_text(*start, compared.offset);
                unsigned(&mut rows, place.checked_sub(last).expect("functions and traps are sorted").into());
                match (number, row.added) {
                    (0, 0) => unsigned(&mut rows, row.register.into()),
                    _ => {
                        unsigned(&mut rows, (row.register | ACCESS_MORE).into());
                        unsigned(&mut rows, number as u64);
                        signed(&mut rows, row.added.cast_signed());
                    }
                }
                unsigned(&mut rows, row.offset);
                last = place;
            }
        }
        Rows { rows, memories }
    }
}

struct Row {
    register: u8,
    memory: MemoryIndex,
    /// The value is the index and this.
    added: u64,
    /// What the operator adds to the index.
    offset: u64,
}

impl Row {
    fn of(writer: &Writer, wasm: &[u8], func: &CompiledFunction, compared: &Compared) -> Option<Row> {
        let first = func.sites.partition_point(|site| site.offset < compared.offset);
        // A call may return to where a trap stands.
        let mut here = func.sites[first..].iter().take_while(|site| site.offset == compared.offset);
        let site = here.find(|site| site.trap.is_some())?;
        let Some(access) = access::at(wasm, site.wasm_offset) else {
            // The sum of two numbers of 64 bits may have wrapped.
            let memory = access::bulk_at(wasm, site.wasm_offset)?;
            let is_narrow = !writer.module.memories.get(memory)?.ty.memory64;
            let (register, added) = match compared.value {
                ComparedValue::Register(number) => (number, 0),
                ComparedValue::Constant(value) => (ACCESS_CONSTANT, 0u64.wrapping_sub(value)),
            };
            return is_narrow.then_some(Row { register: register | ACCESS_END, memory, added, offset: 0 });
        };
        let plan = writer.layout.memories.get(access.memory)?;
        let added = plan.compared(access.offset, access.size)?;
        let (register, added) = match compared.value {
            ComparedValue::Register(number) => (number, added),
            ComparedValue::Constant(value) => (ACCESS_CONSTANT, added.wrapping_sub(value)),
        };
        Some(Row { register, memory: access.memory, added, offset: access.offset })
    }
}
