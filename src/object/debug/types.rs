//! Pointers. In linear memory they have the size of Wasm's addresses, which the host can't follow;
//! a variable that is a pointer is shown as one of the host, which it can.

use super::Bytes;
use super::expression::{self, World};
use gimli::constants as dw;
use gimli::read::{AttributeValue as Value, UnitRef};
use gimli::write::{AttributeValue, ConvertUnitEntry, Expression, Unit, UnitEntryId};
use gimli::{DwAt, DwTag, UnitOffset};
use std::collections::HashMap;

/// How many names of names of a type are followed: a damaged chain may be a ring.
const MOST_NAMES: usize = 64;

/// The pointers of a unit.
#[derive(Default)]
pub struct Pointers {
    /// Entries of pointer types, by where they were read.
    made: HashMap<UnitOffset, UnitEntryId>,
}

fn is_pointer(tag: DwTag) -> bool {
    matches!(tag, dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type)
}

impl Pointers {
    /// The pointer type of a variable, if it is a pointer into linear memory.
    pub fn pointer_of(&self, entry: &ConvertUnitEntry<Bytes>) -> Option<UnitOffset> {
        if !matches!(entry.tag, dw::DW_TAG_variable | dw::DW_TAG_formal_parameter) {
            return None;
        }
        let unit = entry.read_unit;
        let mut ty = type_of(unit, entry.attr_value(dw::DW_AT_type).or_else(|| origin_type(entry))?)?;
        for _ in 0..MOST_NAMES {
            let found = unit.entry(ty).ok()?;
            match found.tag() {
                tag if is_pointer(tag) => {
                    let pointee = found.attr_value(dw::DW_AT_type);
                    let pointee = pointee.and_then(|pointee| unit.entry(type_of(unit, pointee)?).ok());
                    // An index in a table.
                    let is_function = pointee.is_some_and(|pointee| pointee.tag() == dw::DW_TAG_subroutine_type);
                    return (!is_function).then_some(ty);
                }
                dw::DW_TAG_typedef
                | dw::DW_TAG_const_type
                | dw::DW_TAG_volatile_type
                | dw::DW_TAG_restrict_type
                | dw::DW_TAG_atomic_type => ty = type_of(unit, found.attr_value(dw::DW_AT_type)?)?,
                _ => return None,
            }
        }
        None
    }

    /// Notes a pointer type, and says how large it is in linear memory.
    pub fn keep_size(&mut self, unit: &mut Unit, id: UnitEntryId, entry: &ConvertUnitEntry<Bytes>, size: u8) {
        if !is_pointer(entry.tag) && entry.tag != dw::DW_TAG_ptr_to_member_type {
            return;
        }
        self.made.insert(entry.offset, id);
        if entry.attr_value(dw::DW_AT_byte_size).is_none() {
            unit.get_mut(id).set(dw::DW_AT_byte_size, AttributeValue::Udata(size.into()));
        }
    }

    /// Gives variables types of pointers of the host, and pointers in linear memory types that find
    /// what they point to.
    pub fn write(&self, unit: &mut Unit, variables: &[(UnitEntryId, UnitOffset)], world: &World) {
        let mut hosts: HashMap<UnitOffset, UnitEntryId> = HashMap::new();
        for (variable, ty) in variables {
            let Some(wasm) = self.made.get(ty) else { continue };
            let host = *hosts.entry(*ty).or_insert_with(|| {
                let (tag, pointee) = (unit.get(*wasm).tag(), unit.get(*wasm).get(dw::DW_AT_type).cloned());
                let host = unit.add(unit.root(), tag);
                let entry = unit.get_mut(host);
                entry.set(dw::DW_AT_byte_size, AttributeValue::Udata(8));
                if let Some(pointee) = pointee {
                    entry.set(dw::DW_AT_type, pointee);
                }
                host
            });
            unit.get_mut(*variable).set(dw::DW_AT_type, AttributeValue::UnitRef(host));
        }
        let mut distant: HashMap<UnitEntryId, Option<UnitEntryId>> = HashMap::new();
        let mut pointers: Vec<(UnitOffset, UnitEntryId)> = self.made.iter().map(|(from, to)| (*from, *to)).collect();
        pointers.sort_unstable_by_key(|(from, _)| from.0);
        for (_, wasm) in pointers {
            let Some(pointee) = referent(unit, wasm) else { continue };
            let distant = *distant.entry(pointee).or_insert_with(|| distant_type(unit, pointee, world));
            if let Some(distant) = distant {
                unit.get_mut(wasm).set(dw::DW_AT_type, AttributeValue::UnitRef(distant));
            }
        }
    }
}

/// The type that an entry refers to, in its unit.
fn referent(unit: &Unit, entry: UnitEntryId) -> Option<UnitEntryId> {
    match unit.get(entry).get(dw::DW_AT_type)? {
        AttributeValue::UnitRef(ty) => Some(*ty),
        _ => None,
    }
}

/// The type of something in linear memory whose address there is taken for one of the host:
/// debuggers add what lies between (DWARF 5, 5.18.1, `DW_AT_data_location`). Structures keep their
/// members; others become arrays, which are the least that debuggers do this for. `None` where it
/// can't be told, and for functions.
fn distant_type(unit: &mut Unit, pointee: UnitEntryId, world: &World) -> Option<UnitEntryId> {
    let mut place = Expression::new();
    place.op(dw::DW_OP_push_object_address);
    expression::on_host(&mut place, world)?;
    let mut named = pointee;
    for _ in 0..MOST_NAMES {
        match unit.get(named).tag() {
            dw::DW_TAG_typedef | dw::DW_TAG_const_type | dw::DW_TAG_volatile_type => named = referent(unit, named)?,
            _ => break,
        }
    }
    let tag = unit.get(named).tag();
    let is_structure = matches!(tag, dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type);
    let distant = match tag {
        dw::DW_TAG_subroutine_type => return None,
        _ if is_structure => unit.add(unit.root(), tag),
        _ => unit.add(unit.root(), dw::DW_TAG_array_type),
    };
    unit.get_mut(distant).set(dw::DW_AT_data_location, AttributeValue::Exprloc(place));
    if !is_structure {
        unit.get_mut(distant).set(dw::DW_AT_type, AttributeValue::UnitRef(pointee));
        let count = match is_character(unit, named) {
            true => AttributeValue::Exprloc(length(world)?),
            false => AttributeValue::Udata(1),
        };
        let range = unit.add(distant, dw::DW_TAG_subrange_type);
        unit.get_mut(range).set(dw::DW_AT_count, count);
        return Some(distant);
    }
    copy(unit, named, distant, &[dw::DW_AT_name, dw::DW_AT_byte_size, dw::DW_AT_declaration]);
    let members: Vec<UnitEntryId> = unit.get(named).children().copied().collect();
    for member in members {
        let tag = unit.get(member).tag();
        if matches!(tag, dw::DW_TAG_member | dw::DW_TAG_inheritance) {
            let new = unit.add(distant, tag);
            copy(unit, member, new, &MEMBER);
        }
    }
    Some(distant)
}

/// What a member is.
const MEMBER: [DwAt; 7] = [
    dw::DW_AT_name,
    dw::DW_AT_type,
    dw::DW_AT_data_member_location,
    dw::DW_AT_bit_size,
    dw::DW_AT_data_bit_offset,
    dw::DW_AT_byte_size,
    dw::DW_AT_artificial,
];

fn copy(unit: &mut Unit, from: UnitEntryId, to: UnitEntryId, names: &[DwAt]) {
    for name in names {
        if let Some(value) = unit.get(from).get(*name).cloned() {
            unit.get_mut(to).set(*name, value);
        }
    }
}

fn is_character(unit: &Unit, ty: UnitEntryId) -> bool {
    let encoding = unit.get(ty).get(dw::DW_AT_encoding);
    matches!(
        encoding,
        Some(AttributeValue::Encoding(dw::DW_ATE_signed_char | dw::DW_ATE_unsigned_char | dw::DW_ATE_UTF))
    )
}

/// How many characters follow an address before the first zero, up to a limit.
fn length(world: &World) -> Option<Expression> {
    const LIMIT: u64 = 200;
    let mut length = Expression::new();
    length.op(dw::DW_OP_push_object_address);
    expression::on_host(&mut length, world)?;
    length.op(dw::DW_OP_dup);
    // The first character and the one at hand.
    let start = length.next_index();
    for operation in [dw::DW_OP_over, dw::DW_OP_over, dw::DW_OP_swap, dw::DW_OP_minus] {
        length.op(operation);
    }
    length.op_constu(LIMIT);
    length.op(dw::DW_OP_ge);
    let at_limit = length.op_bra();
    length.op(dw::DW_OP_dup);
    length.op_deref_size(1);
    length.op(dw::DW_OP_lit0);
    length.op(dw::DW_OP_eq);
    let at_zero = length.op_bra();
    length.op_plus_uconst(1);
    let again = length.op_skip();
    length.set_target(again, start);
    let end = length.next_index();
    length.set_target(at_limit, end);
    length.set_target(at_zero, end);
    length.op(dw::DW_OP_swap);
    length.op(dw::DW_OP_minus);
    Some(length)
}

/// The type of what an entry is a copy of.
fn origin_type<'a>(entry: &ConvertUnitEntry<Bytes<'a>>) -> Option<Value<Bytes<'a>>> {
    let Value::UnitRef(origin) = entry.attr_value(dw::DW_AT_abstract_origin)? else { return None };
    entry.read_unit.entry(origin).ok()?.attr_value(dw::DW_AT_type)
}

fn type_of(unit: UnitRef<Bytes>, value: Value<Bytes>) -> Option<UnitOffset> {
    match value {
        Value::UnitRef(offset) => Some(offset),
        Value::DebugInfoRef(offset) => offset.to_unit_offset(&unit.header),
        _ => None,
    }
}
