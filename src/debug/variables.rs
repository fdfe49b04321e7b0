//! DWARF for variables of which a frontend knows types and places.

use crate::cot::ir::module::Variables as Program;
use crate::cot::ir::variables::{Described, Extent, Locals, Location, Part, PartKind, Shape, ShapeId, ShapeKind};
use crate::number::to_usize;
use gimli::constants as dw;
use gimli::write::{Address, AttributeValue, DwarfUnit, Expression, Range, RangeList, UnitEntryId};
use std::collections::{BTreeMap, HashMap};

/// Everything that is known.
pub struct Variables {
    pub program: Program,
    pub locals: Vec<Locals>,
}

/// Writes entries of a unit.
pub struct Writer<'a> {
    program: &'a Program,
    locals: HashMap<u32, &'a Locals>,
    types: Vec<UnitEntryId>,
}

impl<'a> Writer<'a> {
    /// Adds all types.
    pub fn new(dwarf: &mut DwarfUnit, variables: &'a Variables) -> Self {
        let Variables { program, locals } = variables;
        let root = dwarf.unit.root();
        let types = program.shapes.iter().map(|shape| dwarf.unit.add(root, tag(shape))).collect();
        let locals = locals.iter().map(|it| (it.function, it)).collect();
        let writer = Writer { program, locals, types };
        for (shape, id) in program.shapes.iter().zip(&writer.types) {
            writer.describe(dwarf, shape, *id);
        }
        writer
    }

    fn type_of(&self, ShapeId(number): ShapeId) -> AttributeValue {
        AttributeValue::UnitRef(self.types[to_usize(number.into())])
    }

    fn describe(&self, dwarf: &mut DwarfUnit, shape: &Shape, id: UnitEntryId) {
        let entry = dwarf.unit.get_mut(id);
        if !shape.name.is_empty() && !matches!(shape.kind, ShapeKind::Array { .. }) {
            entry.set(dw::DW_AT_name, text(&shape.name));
        }
        entry.set(dw::DW_AT_byte_size, AttributeValue::Udata(shape.size));
        let encoding = match &shape.kind {
            ShapeKind::Bool => dw::DW_ATE_boolean,
            ShapeKind::Signed => dw::DW_ATE_signed,
            ShapeKind::Unsigned => dw::DW_ATE_unsigned,
            ShapeKind::Character => dw::DW_ATE_unsigned_char,
            ShapeKind::Float => dw::DW_ATE_float,
            ShapeKind::Pointer(to) => return entry.set(dw::DW_AT_type, self.type_of(*to)),
            ShapeKind::Array { element, length } => {
                entry.set(dw::DW_AT_type, self.type_of(*element));
                let range = dwarf.unit.add(id, dw::DW_TAG_subrange_type);
                return dwarf.unit.get_mut(range).set(dw::DW_AT_count, AttributeValue::Udata(*length));
            }
            ShapeKind::Structure(members) | ShapeKind::Union(members) => {
                for member in members {
                    let inner = dwarf.unit.add(id, dw::DW_TAG_member);
                    let entry = dwarf.unit.get_mut(inner);
                    if !member.name.is_empty() {
                        entry.set(dw::DW_AT_name, text(&member.name));
                    }
                    entry.set(dw::DW_AT_type, self.type_of(member.shape));
                    entry.set(dw::DW_AT_data_member_location, AttributeValue::Udata(member.offset));
                }
                return;
            }
            ShapeKind::Enumeration(variants) => {
                for (name, value) in variants {
                    let value = match (i64::try_from(*value), u64::try_from(*value)) {
                        (Ok(value), _) => AttributeValue::Sdata(value),
                        (_, Ok(value)) => AttributeValue::Udata(value),
                        _ => continue,
                    };
                    let variant = dwarf.unit.add(id, dw::DW_TAG_enumerator);
                    let entry = dwarf.unit.get_mut(variant);
                    entry.set(dw::DW_AT_name, text(name));
                    entry.set(dw::DW_AT_const_value, value);
                }
                return;
            }
        };
        entry.set(dw::DW_AT_encoding, AttributeValue::Encoding(encoding));
    }

    /// Adds the variables of the whole program.
    pub fn globals(&self, dwarf: &mut DwarfUnit) {
        let root = dwarf.unit.root();
        for global in &self.program.globals {
            self.variable(dwarf, root, global, place(&Location::Static(global.place), self.shape(global.shape)));
        }
    }

    fn shape(&self, ShapeId(number): ShapeId) -> &Shape {
        &self.program.shapes[to_usize(number.into())]
    }

    fn variable<P>(&self, dwarf: &mut DwarfUnit, parent: UnitEntryId, described: &Described<P>, place: Expression) {
        let tag = if described.is_param { dw::DW_TAG_formal_parameter } else { dw::DW_TAG_variable };
        let id = dwarf.unit.add(parent, tag);
        let entry = dwarf.unit.get_mut(id);
        entry.set(dw::DW_AT_name, text(&described.name));
        entry.set(dw::DW_AT_type, self.type_of(described.shape));
        entry.set(dw::DW_AT_location, AttributeValue::Exprloc(place));
    }

    /// Adds the locals of a function. `code_start`: what addresses of code count from.
    pub fn locals(&self, dwarf: &mut DwarfUnit, parent: UnitEntryId, function: u32, code_start: u32) {
        let Some(locals) = self.locals.get(&function) else { return };
        let mut blocks: BTreeMap<Extent, UnitEntryId> = BTreeMap::new();
        // The scopes around the one at hand.
        let mut around: Vec<(Extent, UnitEntryId)> = Vec::new();
        let mut scopes: Vec<_> = locals.scopes.iter().filter(|(_, ranges)| !ranges.is_empty()).collect();
        scopes.sort_by_key(|(scope, _)| (scope.start, std::cmp::Reverse(scope.end)));
        for (scope, ranges) in scopes {
            while around.pop_if(|(outer, _)| outer.end < scope.end || outer.end <= scope.start).is_some() {}
            let outer = around.last().map_or(parent, |(_, id)| *id);
            let block = dwarf.unit.add(outer, dw::DW_TAG_lexical_block);
            let address = |offset: u32| Address::Constant(offset.saturating_sub(code_start).into());
            let ranges =
                ranges.iter().map(|(begin, end)| Range::StartEnd { begin: address(*begin), end: address(*end) });
            let list = dwarf.unit.ranges.add(RangeList(ranges.collect()));
            dwarf.unit.get_mut(block).set(dw::DW_AT_ranges, AttributeValue::RangeListRef(list));
            around.push((*scope, block));
            blocks.insert(*scope, block);
        }
        for local in &locals.described {
            let parent = match local.scope {
                None => Some(parent),
                Some(scope) => blocks.get(&scope).copied(),
            };
            // Nothing was made of the scope.
            let Some(parent) = parent else { continue };
            self.variable(dwarf, parent, local, place(&local.place, self.shape(local.shape)));
        }
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::String(text.as_bytes().to_vec())
}

fn tag(shape: &Shape) -> gimli::DwTag {
    match shape.kind {
        ShapeKind::Bool | ShapeKind::Signed | ShapeKind::Unsigned | ShapeKind::Character | ShapeKind::Float => {
            dw::DW_TAG_base_type
        }
        ShapeKind::Pointer(_) => dw::DW_TAG_pointer_type,
        ShapeKind::Structure(_) => dw::DW_TAG_structure_type,
        ShapeKind::Union(_) => dw::DW_TAG_union_type,
        ShapeKind::Array { .. } => dw::DW_TAG_array_type,
        ShapeKind::Enumeration(_) => dw::DW_TAG_enumeration_type,
    }
}

/// Where a variable is, in the words of DWARF for WebAssembly.
fn place(location: &Location, shape: &Shape) -> Expression {
    let mut place = Expression::new();
    match location {
        Location::Static(address) => place.op_addr(Address::Constant((*address).into())),
        Location::Memory { local, offset } => {
            place.op_wasm_local(*local);
            place.op_plus_uconst((*offset).into());
        }
        Location::Parts(parts) => match &parts[..] {
            [(local, part)] if is_whole(part, shape) => {
                place.op_wasm_local(*local);
                place.op(dw::DW_OP_stack_value);
            }
            _ => pieces(&mut place, parts),
        },
    }
    place
}

/// Whether a local holds the value as it is. A pointer gets its upper half from the debugger.
fn is_whole(part: &Part, shape: &Shape) -> bool {
    let is_pointer = matches!(shape.kind, ShapeKind::Pointer(_));
    part.offset == 0 && u64::from(part.size) == shape.size && (part.kind == PartKind::Plain || is_pointer)
}

fn pieces(place: &mut Expression, parts: &[(u32, Part)]) {
    let mut at = 0;
    let mut code = None;
    for (local, part) in parts {
        if let Some(gap @ 1..) = part.offset.checked_sub(at) {
            place.op_piece(gap.into());
        }
        place.op_wasm_local(*local);
        match (part.kind, code) {
            (PartKind::Plain, _) | (PartKind::OrError { .. }, None) => {}
            // More than the local itself, which has fewer bytes.
            (PartKind::Extended, _) => place.op_plus_uconst(0),
            (PartKind::IsError, _) => {
                code = Some(*local);
                place.op(dw::DW_OP_lit0);
                place.op(dw::DW_OP_ne);
            }
            (PartKind::ErrorNumber, _) => {
                place.op(dw::DW_OP_lit1);
                place.op(dw::DW_OP_minus);
            }
            (PartKind::OrError { from }, Some(code)) => or_error(place, code, from),
        }
        place.op(dw::DW_OP_stack_value);
        place.op_piece(part.size.into());
        at = part.offset.saturating_add(part.size);
    }
}

/// What is on the stack if `code` is 0, otherwise `code - 1` without the bytes up to `from`.
fn or_error(place: &mut Expression, code: u32, from: u32) {
    place.op_wasm_local(code);
    place.op(dw::DW_OP_lit0);
    place.op(dw::DW_OP_eq);
    place.op(dw::DW_OP_mul);
    place.op_wasm_local(code);
    place.op(dw::DW_OP_lit1);
    place.op(dw::DW_OP_minus);
    place.op_constu(u64::from(from).saturating_mul(8));
    place.op(dw::DW_OP_shr);
    place.op_wasm_local(code);
    place.op(dw::DW_OP_lit0);
    place.op(dw::DW_OP_ne);
    place.op(dw::DW_OP_mul);
    place.op(dw::DW_OP_plus);
}
