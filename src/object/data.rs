//! Data symbols: globals, memories, tables, tags, segments, signature identities. Written when
//! something refers to them.

use super::bytes::Data;
use super::records;
use super::variables;
use super::writer::Writer;
use crate::abi::foreign::CallbackPoolFields;
use crate::abi::memory::{MemoryFields, SegmentFields};
use crate::abi::object::{Heap, KIND_EXCEPTION, TypeRecordFields};
use crate::abi::record::Zero;
use crate::abi::table::{FuncEntryFields, TableEntriesFields, TableFields};
use crate::foreign::CallbackIndex;
use crate::layout::objects::StructPlan;
use crate::layout::{self, GlobalPlan, SegmentPlan, SignatureIndex, Symbol};
use crate::number::to_usize;
use crate::wasm::constant::{Constant, i31_word};
use crate::wasm::structure;
use crate::wasm::{DataIndex, ElementIndex, EntityIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex};
use object::write::{StandardSection, SymbolId};
use wasmparser::ValType;

/// Defines everything that is referred to, and what that refers to.
pub fn write_needed(writer: &mut Writer) {
    while let Some(symbol) = writer.needed.pop() {
        match symbol {
            Symbol::Global(index) => write_global(writer, index),
            Symbol::Memory(index) => write_memory(writer, index),
            Symbol::Table(index) => write_table(writer, index),
            Symbol::TableEntries(index) => write_table_entries(writer, index),
            Symbol::Signature(index) => write_signature(writer, index),
            Symbol::Slot(entity) => write_slot(writer, entity),
            Symbol::Tag(index) => write_tag(writer, index),
            Symbol::Data(index) => write_data_segment(writer, index),
            Symbol::Element(index) => write_element_segment(writer, index),
            Symbol::CallbackPool(index) => write_callback_pool(writer, index),
            Symbol::PollPage => write_poll_page(writer),
            Symbol::Heap => write_heap(writer),
            Symbol::TypeRecord(index) => records::write(writer, index),
            // Their places are known already.
            Symbol::Program | Symbol::Counters(_) => {}
            other => panic!("{other:?} is referred to, but was not compiled"),
        }
    }
}

/// A page of the machine, whichever size that has, with nothing else in it.
fn write_poll_page(writer: &mut Writer) {
    let page = writer.format.page_size();
    let id = writer.refer(Symbol::PollPage);
    writer.define_zero(id, page, page, 0);
}

/// What the linker makes one of, among all modules of a program.
fn write_heap(writer: &mut Writer) {
    let id = writer.refer(Symbol::Heap);
    writer.define_mergeable_zero(id, size_of::<Heap>() as u64, 8);
}

fn put(writer: &mut Writer, symbol: Symbol, section: StandardSection, data: Data, alignment: u64) {
    let id = writer.refer(symbol);
    // C keeps the slots that it was handed.
    if section == StandardSection::Data && !matches!(symbol, Symbol::CallbackPool(_)) {
        variables::note(writer, symbol, id, &data);
    }
    let section = if writer.layout.is_per_thread(symbol) { StandardSection::Tls } else { section };
    let section = writer.object.section_id(section);
    writer.define(id, section, data, alignment);
}

/// A signature identity is its address and nothing else. It holds its name, so that no two look the
/// same to a linker that folds equal data, and lies at an even address, which s390x's instructions
/// need. The address of the supertype's follows, if there is one: the name says so.
fn write_signature(writer: &mut Writer, index: SignatureIndex) {
    let symbol = Symbol::Signature(index);
    let mut data = Data::from(writer.layout.signatures[index].bytes().chain([0]).collect::<Vec<_>>());
    let mut alignment = 2;
    if let Some(supertype) = writer.layout.supersignatures[index] {
        alignment = 8;
        data.bytes.resize(data.bytes.len().next_multiple_of(8), 0);
        data.address(writer.refer(Symbol::Signature(supertype)));
    }
    let id = writer.refer(symbol);
    let section = writer.object.symbol(id).section.id().expect("it has its section from the start");
    writer.define(id, section, data, alignment);
}

/// The address of something imported.
fn write_slot(writer: &mut Writer, entity: EntityIndex) {
    let imported = writer.refer(match entity {
        EntityIndex::Function(index) => Symbol::Import(index),
        EntityIndex::Global(index) => Symbol::Global(index),
        EntityIndex::Memory(index) => Symbol::Memory(index),
        EntityIndex::Table(index) => Symbol::Table(index),
        EntityIndex::Tag(index) => Symbol::Tag(index),
    });
    let mut data = Data::default();
    data.address(imported);
    put(writer, Symbol::Slot(entity), StandardSection::ReadOnlyDataWithRel, data, 8);
}

fn write_global(writer: &mut Writer, index: GlobalIndex) {
    let size = match writer.module.globals[index].ty.content_type {
        ValType::I32 | ValType::F32 => 4,
        ValType::V128 => 16,
        _ => 8,
    };
    let mut data = Data::default();
    match writer.layout.globals[index] {
        GlobalPlan::Storage(value) | GlobalPlan::Constant(value) => match value {
            Constant::I32(value) => data.u32(value.cast_unsigned()),
            Constant::I64(value) => data.u64(value.cast_unsigned()),
            Constant::F32(bits) => data.u32(bits),
            Constant::F64(bits) => data.u64(bits),
            Constant::V128(bits) => {
                data.bytes.extend(bits.to_le_bytes());
                &mut data
            }
            Constant::RefNull => data.u64(0),
            Constant::RefFunc(func) => data.address(writer.code_symbol(func)),
            Constant::I31(bits) => data.u64(i31_word(bits)),
        },
        GlobalPlan::Computed | GlobalPlan::Imported => {
            data.bytes.resize(size, 0);
            &mut data
        }
    };
    if data.addresses.is_empty() && data.bytes.iter().all(|byte| *byte == 0) {
        let id = writer.refer(Symbol::Global(index));
        variables::note_zero(writer, Symbol::Global(index), id, size as u64);
        writer.define_zero(id, size as u64, size as u64, 0);
    } else {
        put(writer, Symbol::Global(index), StandardSection::Data, data, size as u64);
    }
}

/// A [`TypeRecord`](crate::abi::object::TypeRecord) without a display.
fn write_tag(writer: &mut Writer, index: TagIndex) {
    let name = writer.module.names.tag(index).unwrap_or_default();
    let bytes: Vec<u8> = name.bytes().map(|byte| if byte == 0 { b'?' } else { byte }).chain([0]).collect();
    let contents = Data::from(bytes);
    let name = writer.local(&format!("w2n.tag.{}.name", index.as_u32()), StandardSection::ReadOnlyData, contents, 1);
    let plan = StructPlan::of_tag(writer.module, index);
    let (references, more) = plan.references.split_first().unwrap_or((&0, &[]));
    let n_more = more.len() as u64;
    let more = records::words(writer, more);
    let mut data = Data::default();
    data.record(TypeRecordFields {
        kind: KIND_EXCEPTION,
        depth: 0,
        size: plan.size,
        first: 0,
        references: *references,
        more,
        n_more,
        name: Some(name),
        index: index.as_u32(),
        padding: Zero,
    });
    put(writer, Symbol::Tag(index), StandardSection::ReadOnlyDataWithRel, data, 8);
}

fn write_memory(writer: &mut Writer, index: MemoryIndex) {
    let plan = writer.layout.memories[index];
    let mut data = Data::default();
    data.record(MemoryFields {
        base: None,
        bytes: plan.bytes,
        maximum: plan.maximum,
        reserved: plan.reserved,
        least: plan.least,
        place: plan.place.unwrap_or(0),
        page_size: plan.page_size,
        is_shared: u64::from(writer.module.memories[index].ty.shared),
    });
    put(writer, Symbol::Memory(index), StandardSection::Data, data, 8);
}

fn write_table(writer: &mut Writer, index: TableIndex) {
    let ty = &writer.module.tables[index].ty;
    let (length, maximum) = (ty.initial, ty.maximum.unwrap_or(u64::MAX).min(u64::from(u32::MAX)));
    let entry_size = writer.layout.tables[index].entry_size();
    // Each thread's are elsewhere: the runtime notes where.
    let is_shared = !writer.layout.is_table_per_thread(index);
    let entries = is_shared.then(|| writer.refer(Symbol::TableEntries(index)));
    let mut data = Data::default();
    data.record(TableFields { base: entries, length, maximum, entry_size, capacity: length });
    put(writer, Symbol::Table(index), StandardSection::Data, data, 8);
}

/// The initial entries: null or the table's initial value, with the segments that have their place
/// laid over them.
fn write_table_entries(writer: &mut Writer, index: TableIndex) {
    let plan = writer.layout.tables[index];
    let length = writer.module.tables[index].ty.initial;
    let mut items = layout::initial_items(writer.module, writer.layout, index);
    let id = writer.refer(Symbol::TableEntries(index));
    // What threads copy is not a table, and is not written.
    let is_template = writer.layout.is_table_per_thread(index);
    let guard = if is_template { 0 } else { writer.format.table_guard() };
    let bytes = length.checked_mul(plan.entry_size()).expect("the layout refused larger tables");
    if items.is_empty() {
        variables::note_zero(writer, Symbol::TableEntries(index), id, bytes);
        writer.define_zero(id, bytes.max(1), guard.max(16), guard);
    } else {
        items.resize(to_usize(length), None);
        let data = entries(writer, plan.functions, &items);
        let is_constant = plan.constant || is_template;
        if !is_constant {
            variables::note(writer, Symbol::TableEntries(index), id, &data);
        }
        let section = if is_constant { StandardSection::ReadOnlyDataWithRel } else { StandardSection::Data };
        let section = writer.object.section_id(section);
        writer.define_behind(id, section, data, guard.max(16), guard);
    }
    if guard != 0 {
        writer.guarded_tables.push((id, bytes));
    }
}

/// The list of [`TableEntries`](crate::abi::table::TableEntries), if there are any.
///
/// Requires that everything is defined.
pub fn write_guarded_tables(writer: &mut Writer, list: SymbolId) {
    let mut data = Data::default();
    for (first, bytes) in std::mem::take(&mut writer.guarded_tables) {
        data.record(TableEntriesFields { first: Some(first), bytes });
    }
    data.record(TableEntriesFields { first: None, bytes: 0 });
    let section = writer.object.section_id(StandardSection::ReadOnlyDataWithRel);
    writer.define(list, section, data, 8);
}

/// Table entries in the form of [`FuncEntry`](crate::abi::table::FuncEntry), or null pointers.
fn entries(writer: &mut Writer, functions: bool, items: &[Option<FuncIndex>]) -> Data {
    let mut data = Data::default();
    for item in items {
        let code = item.and_then(|func| Some((func, writer.code_symbol(func)?)));
        match code {
            Some((func, symbol)) if functions => {
                let signature = writer.layout.signature(writer.module, func);
                let signature = writer.refer(Symbol::Signature(signature));
                data.record(FuncEntryFields { code: Some(symbol), signature: Some(signature) });
            }
            _ if functions => {
                data.record(FuncEntryFields { code: None, signature: None });
            }
            _ => {
                data.address(None);
            }
        }
    }
    data
}

/// An [`CallbackPool`](crate::abi::foreign::CallbackPool) and the functions that follow it.
fn write_callback_pool(writer: &mut Writer, index: CallbackIndex) {
    let n_slots = writer.layout.callbacks[index];
    let mut slots = Data::default();
    for slot in 0..n_slots {
        slots.address(writer.defined(Symbol::CallbackSlot(index, slot)).expect("every slot is compiled"));
    }
    let name = format!("w2n.callbacks.{}.slots", index.as_u32());
    let slots = writer.local(&name, StandardSection::ReadOnlyDataWithRel, slots, 8);
    let mut data = Data::default();
    data.record(CallbackPoolFields { slots: Some(slots), length: n_slots.into() });
    // The functions that the slots call.
    for _ in 0..n_slots {
        data.address(None);
    }
    put(writer, Symbol::CallbackPool(index), StandardSection::Data, data, 8);
}

fn write_data_segment(writer: &mut Writer, index: DataIndex) {
    let bytes = writer.module.data[index].bytes;
    let fields = match writer.layout.data[index] {
        SegmentPlan::Placed { .. } | SegmentPlan::Declared => SegmentFields { base: None, length: 0 },
        SegmentPlan::Computed | SegmentPlan::Passive => {
            let contents = Data::from(bytes.to_vec());
            let name = format!("w2n.data.{}.bytes", index.as_u32());
            let contents = writer.local(&name, StandardSection::ReadOnlyData, contents, 16);
            SegmentFields { base: Some(contents), length: bytes.len() as u64 }
        }
    };
    let mut data = Data::default();
    data.record(fields);
    put(writer, Symbol::Data(index), StandardSection::Data, data, 8);
}

fn write_element_segment(writer: &mut Writer, index: ElementIndex) {
    let element = &writer.module.elements[index];
    let fields = match (writer.layout.elements[index], layout::element_values(writer.module, element)) {
        (SegmentPlan::Computed | SegmentPlan::Passive, values) => {
            // What depends on an import is null here; `initialize` fills it in.
            let values = values.unwrap_or_else(|| vec![None; element.items.len()]);
            let contents = entries(writer, structure::is_function(writer.module, element.ty), &values);
            let name = format!("w2n.elem.{}.entries", index.as_u32());
            let contents = writer.local(&name, StandardSection::Data, contents, 16);
            SegmentFields { base: Some(contents), length: values.len() as u64 }
        }
        _ => SegmentFields { base: None, length: 0 },
    };
    let mut data = Data::default();
    data.record(fields);
    put(writer, Symbol::Element(index), StandardSection::Data, data, 8);
}
