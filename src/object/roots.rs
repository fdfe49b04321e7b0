//! Where references are kept, for the collector.

use super::bytes::Data;
use super::handlers::Array;
use super::writer::Writer;
use crate::layout::objects::is_traced;
use crate::layout::{GlobalPlan, SegmentPlan, Symbol};
use object::write::{StandardSection, SymbolId};

/// Lists of the variables, tables and segments of a module that hold references, and its heap if
/// there are any.
pub struct Roots {
    pub globals: Array,
    pub tables: Array,
    pub segments: Array,
    pub heap: Option<SymbolId>,
}

/// Writes the lists. What is imported is on the list of the module that defines it.
pub fn write(writer: &mut Writer) -> Roots {
    let (module, layout) = (writer.module, writer.layout);
    let is_stored = |plan| matches!(plan, GlobalPlan::Storage(_) | GlobalPlan::Computed);
    let globals = module
        .globals
        .iter()
        .filter(|(index, global)| is_stored(layout.globals[*index]) && is_traced(module, global.ty.content_type));
    let globals: Vec<_> = globals.map(|(index, _)| Symbol::Global(index)).collect();
    let tables = module
        .tables
        .iter()
        .filter(|(_, table)| table.definition.local().is_some() && is_traced(module, table.ty.element_type.into()));
    let tables: Vec<_> = tables.map(|(index, _)| Symbol::Table(index)).collect();
    let segments = module.elements.iter().filter(|(index, element)| {
        matches!(layout.elements[*index], SegmentPlan::Passive | SegmentPlan::Computed)
            && is_traced(module, element.ty.into())
    });
    let segments: Vec<_> = segments.map(|(index, _)| Symbol::Element(index)).collect();
    let globals = write_addresses(writer, "w2n.reference_globals", &globals);
    let tables = write_addresses(writer, "w2n.reference_tables", &tables);
    let segments = write_addresses(writer, "w2n.reference_segments", &segments);
    let has_roots = [globals.1, tables.1, segments.1] != [0; 3];
    // Exceptions and objects that only frames refer to.
    let allocates = writer.defined(Symbol::Heap).is_some();
    let heap = (has_roots || allocates).then(|| writer.refer(Symbol::Heap));
    Roots { globals, tables, segments, heap }
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
