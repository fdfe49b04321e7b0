//! Types of objects as data: see [`TypeRecord`](crate::abi::object::TypeRecord).

use super::bytes::Data;
use super::writer::Writer;
use crate::abi::object::{DISPLAY, KIND_ARRAY, KIND_STRUCT, TypeRecordFields};
use crate::abi::record::Zero;
use crate::layout::objects::{TypePlan, is_traced_storage};
use crate::layout::{RecordIndex, Symbol};
use crate::number::to_u32;
use crate::report::shown;
use object::write::{StandardSection, SymbolId};

/// Writes the record of a type, with its display. The type's name follows, so that no two look the
/// same to a linker that folds equal data.
pub fn write(writer: &mut Writer, index: RecordIndex) {
    let (module, layout) = (writer.module, writer.layout);
    let ty = layout.records[index];
    let mut chain: Vec<_> = module.supertypes(ty).map(|ty| layout.record_of[ty]).collect();
    chain.reverse();
    let (kind, size, first, references) = match &layout.types[ty] {
        TypePlan::Struct(plan) => (KIND_STRUCT, plan.size, 0, plan.references.clone()),
        TypePlan::Array(plan) => {
            (KIND_ARRAY, plan.size, plan.first, vec![is_traced_storage(module, plan.element).into()])
        }
        TypePlan::Function => panic!("functions have signatures"),
    };
    let (references, more) = references.split_first().map_or((0, &[][..]), |(first, more)| (*first, more));
    let n_more = more.len() as u64;
    let more = words(writer, more);
    let name = module.names.ty(ty).map(shown).unwrap_or_default();
    let name = Data::from(name.bytes().chain([0]).collect::<Vec<_>>());
    let name = writer.local("w2n.type_name", StandardSection::ReadOnlyData, name, 1);
    let mut data = Data::default();
    data.record(TypeRecordFields {
        kind,
        depth: to_u32(chain.len().saturating_sub(1)),
        size,
        first,
        references,
        more,
        n_more,
        name: Some(name),
        index: ty.as_u32(),
        padding: Zero,
    });
    for place in 0..chain.len().max(DISPLAY as usize) {
        let record = chain.get(place).map(|record| writer.refer(Symbol::TypeRecord(*record)));
        data.address(record);
    }
    data.bytes.extend(module.type_names[ty].bytes().chain([0]));
    let id = writer.refer(Symbol::TypeRecord(index));
    let section = writer.object.symbol(id).section.id().expect("it has its section from the start");
    writer.define(id, section, data, 8);
}

/// Words of a bit mask; null if there are none.
pub fn words(writer: &mut Writer, words: &[u64]) -> Option<SymbolId> {
    if words.is_empty() {
        return None;
    }
    let mut data = Data::default();
    for word in words {
        data.u64(*word);
    }
    Some(writer.local("w2n.references", StandardSection::ReadOnlyData, data, 8))
}
