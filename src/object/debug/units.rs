//! Units, functions, types and variables of a module's DWARF, for the native program.
//!
//! Kept is what describes functions that have code, and variables of whole units; and what those
//! refer to. Addresses of functions become symbols, ranges of operators the code that comes from
//! them, and expressions those of `expression.rs`.

use super::Bytes;
use super::expression::{self, Formula, Part, World};
use super::functions::{Function, Functions};
use super::lines::Table;
use super::types::Pointers;
use crate::code::Place;
use crate::debug::Debug;
use crate::debug::budget::Budget;
use crate::number::to_u32;
use anyhow::Result;
use gimli::constants as dw;
use gimli::read::{self, AttributeValue as Value, UnitRef};
use gimli::write::{
    Address, AttributeValue, ConvertError, ConvertUnit, ConvertUnitEntry, Expression, FilterUnitSection, Location,
    LocationList, Range, RangeList, UnitEntryId,
};
use gimli::{DwAt, Encoding};
use std::collections::{BTreeSet, HashMap};

/// Everything that conversion looks up.
pub struct Source<'a> {
    pub debug: &'a Debug<'a>,
    pub dwarf: &'a read::Dwarf<Bytes<'a>>,
    pub functions: &'a Functions<'a>,
    pub world: World<'a>,
    /// How much may be looked at.
    pub budget: Budget,
    /// How many places of variables may be written.
    pub places: Budget,
    /// Names of functions that were copied.
    pub describe: &'a dyn Fn(crate::layout::Symbol) -> String,
}

/// Converts all units.
///
/// # Errors
/// When DWARF is damaged.
pub fn convert(source: &Source, out: &mut gimli::write::Dwarf) -> Result<(), ConvertError> {
    let mut filter = FilterUnitSection::new(source.dwarf)?;
    while let Some(mut unit) = filter.read_unit()? {
        let mut entry = unit.null_entry();
        while unit.read_entry(&mut entry)? {
            let is_needed = match entry.tag {
                dw::DW_TAG_subprogram => source.function(entry.read_unit, &entry.attrs).is_some(),
                dw::DW_TAG_variable => {
                    matches!(entry.parent_tag, None | Some(dw::DW_TAG_compile_unit | dw::DW_TAG_namespace))
                        && entry.attr_value(dw::DW_AT_location).is_some()
                }
                _ => false,
            };
            if is_needed {
                unit.require_entry(entry.offset);
            }
        }
    }
    // Units that were left out have numbers too.
    let mut numbers = HashMap::new();
    let mut headers = source.dwarf.units();
    while let Some(header) = headers.next()? {
        numbers.insert(header.debug_info_offset(), to_u32(numbers.len()));
    }
    let mut section = out.convert_with_filter(filter)?;
    while let Some((mut unit, root)) = section.read_unit()? {
        let number = numbers.get(&unit.read_unit.header.debug_info_offset()).copied();
        Converter::new(source, number.unwrap_or(u32::MAX)).convert(&mut unit, root)?;
    }
    Ok(())
}

impl<'a> Source<'a> {
    /// The function with code that an entry describes.
    fn function(&self, unit: UnitRef<Bytes>, attributes: &[read::Attribute<Bytes>]) -> Option<&'a Function<'a>> {
        let low = attributes.iter().find(|attribute| attribute.name() == dw::DW_AT_low_pc)?;
        let offset = self.offset(address(unit, low.value())?)?;
        self.functions.beginning_at(offset)
    }

    /// [`Function::code_of`]; nothing once too much was asked for.
    fn code_of(&self, func: &Function, start: u32, end: u32) -> Vec<(u32, u32)> {
        match self.budget.take(func.n_pieces(start, end).saturating_add(1)) {
            true => func.code_of(start, end),
            false => Vec::new(),
        }
    }

    /// Whether a value is a name that is so long, or was written so often, that it is left out.
    fn is_too_long<'b>(&self, unit: UnitRef<'_, Bytes<'b>>, value: Value<Bytes<'b>>) -> bool {
        let is_name = matches!(
            value,
            Value::DebugStrRef(_) | Value::DebugStrOffsetsIndex(_) | Value::DebugLineStrRef(_) | Value::String(_)
        );
        is_name && unit.attr_string(value).is_ok_and(|name| !self.budget.take(name.len()))
    }

    /// The offset in the module of an address in DWARF.
    fn offset(&self, address: u64) -> Option<u32> {
        u32::try_from(address).ok()?.checked_add(self.debug.code_start)
    }
}

fn address(unit: UnitRef<Bytes>, value: Value<Bytes>) -> Option<u64> {
    match value {
        Value::Addr(address) => Some(address),
        Value::DebugAddrIndex(index) => unit.address(index).ok(),
        _ => None,
    }
}

/// A range of code, and the places of locals in it.
type Known = (u32, u32, Vec<(u32, Place)>);

/// A unit in work.
struct Converter<'s, 'a> {
    source: &'s Source<'a>,
    number: u32,
    /// The function around the entry at hand: its depth, and the frame that offsets count from.
    around: Option<(isize, &'s Function<'a>, Option<Formula>)>,
    /// Functions whose entries have been made, for the copies in them.
    made: Vec<(UnitEntryId, &'s Function<'a>)>,
    pointers: Pointers,
}

impl<'s, 'a> Converter<'s, 'a> {
    fn new(source: &'s Source<'a>, number: u32) -> Self {
        Converter { source, number, around: None, made: Vec::new(), pointers: Pointers::default() }
    }

    fn convert(
        mut self,
        unit: &mut ConvertUnit<'_, Bytes<'a>>,
        root: ConvertUnitEntry<'_, Bytes<'a>>,
    ) -> Result<(), ConvertError> {
        let encoding = Encoding { address_size: 8, ..unit.unit.encoding() };
        unit.unit.set_encoding(encoding);
        let line_encoding = unit.read_unit.line_program.as_ref().map(|program| program.header().encoding());
        let line_encoding = line_encoding.map(|encoding| Encoding { address_size: 8, ..encoding });
        let program = unit.read_line_program(line_encoding, None)?.map(|program| program.program());
        let (program, files) = program.unwrap_or((gimli::write::LineProgram::none(), Vec::new()));
        unit.set_line_program(program, files.clone());
        let root_id = unit.unit.root();
        self.attributes(unit, root_id, &root, &mut Vec::new())?;
        let mut entry = unit.null_entry();
        let mut skipped: Option<isize> = None;
        let mut to_point = Vec::new();
        while let Some(id) = unit.read_entry(&mut entry)? {
            let depth = entry.depth;
            if skipped.is_some_and(|outer| depth > outer) {
                continue;
            }
            skipped = None;
            if self.around.as_ref().is_some_and(|(outer, _, _)| depth <= *outer) {
                self.around = None;
            }
            if id.is_none() || self.is_left_out(&entry) {
                skipped = id.is_some().then_some(depth);
                continue;
            }
            let id = unit.add_entry(id, &entry);
            if entry.tag == dw::DW_TAG_subprogram
                && let Some(func) = self.source.function(entry.read_unit, &entry.attrs)
            {
                let frame = entry.attr_value(dw::DW_AT_frame_base);
                let frame = frame.and_then(|frame| self.frame(entry.read_unit, frame));
                self.around = Some((depth, func, frame));
                self.made.push((id, func));
            }
            self.attributes(unit, id, &entry, &mut to_point)?;
        }
        self.pointers.write(unit.unit, &to_point, &self.source.world);
        self.finish(unit, files);
        Ok(())
    }

    /// Whether an entry, and what is below it, says nothing of the native program.
    fn is_left_out(&self, entry: &ConvertUnitEntry<Bytes<'a>>) -> bool {
        match entry.tag {
            dw::DW_TAG_call_site | dw::DW_TAG_GNU_call_site | dw::DW_TAG_label => true,
            dw::DW_TAG_lexical_block | dw::DW_TAG_inlined_subroutine => match &self.around {
                Some((_, func, _)) => self.ranges(func, entry).is_some_and(|ranges| ranges.is_empty()),
                None => false,
            },
            _ => false,
        }
    }

    /// The code of an entry in a function. `None` if the entry has none of its own.
    fn ranges(&self, func: &Function, entry: &ConvertUnitEntry<Bytes<'a>>) -> Option<Vec<(u32, u32)>> {
        let unit = entry.read_unit;
        let mut all = BTreeSet::new();
        let mut has_some = false;
        let mut ranges = unit.dwarf.die_ranges(unit.unit, entry).ok()?;
        while let Some(range) = ranges.next().ok()? {
            has_some = true;
            if !self.source.budget.take(1) {
                break;
            }
            if let (Some(start), Some(end)) = (self.source.offset(range.begin), self.source.offset(range.end)) {
                all.extend(self.source.code_of(func, start, end));
            }
        }
        if !self.source.places.take(all.len()) {
            all.clear();
        }
        has_some.then(|| all.into_iter().collect())
    }

    fn frame(&self, unit: UnitRef<'_, Bytes<'a>>, value: Value<Bytes<'a>>) -> Option<Formula> {
        let Value::Exprloc(expression) = value else { return None };
        match &expression::read(expression, unit.encoding(), None, &|index| unit.address(index).ok())?[..] {
            [(Some(formula), None)] => Some(formula.clone()),
            _ => None,
        }
    }

    fn attributes(
        &mut self,
        unit: &mut ConvertUnit<'_, Bytes<'a>>,
        id: UnitEntryId,
        entry: &ConvertUnitEntry<'_, Bytes<'a>>,
        to_point: &mut Vec<(UnitEntryId, gimli::UnitOffset)>,
    ) -> Result<(), ConvertError> {
        let around = self.around.clone();
        let pointee = self.pointers.pointer_of(entry);
        for attribute in &entry.attrs {
            let name = attribute.name();
            let value = match name {
                dw::DW_AT_low_pc | dw::DW_AT_high_pc | dw::DW_AT_ranges | dw::DW_AT_entry_pc | dw::DW_AT_frame_base => {
                    continue;
                }
                dw::DW_AT_location => {
                    let frame = around.as_ref().and_then(|(_, func, frame)| Some((*func, frame.as_ref()?)));
                    let func = around.as_ref().map(|(_, func, _)| *func);
                    let is_pointer = pointee.is_some();
                    self.location(unit, entry.read_unit, attribute.value(), func, frame.map(|it| it.1), is_pointer)
                }
                name if is_left_out(name) => None,
                _ if self.source.is_too_long(entry.read_unit, attribute.value()) => None,
                _ => match attribute.value() {
                    // Expressions of members and arrays would need addresses of the host.
                    Value::Exprloc(_) | Value::LocationListsRef(_) | Value::DebugLocListsIndex(_) => None,
                    _ => unit.convert_attribute_value(entry.read_unit, attribute, &|_| None).ok(),
                },
            };
            if let Some(value) = value {
                unit.unit.get_mut(id).set(name, value);
            }
        }
        if let (Some(pointee), Some(_)) = (pointee, entry.attr_value(dw::DW_AT_location)) {
            to_point.push((id, pointee));
        }
        self.pointers.keep_size(unit.unit, id, entry, self.source.world.address_size);
        match (entry.tag, &around) {
            (dw::DW_TAG_subprogram, Some((depth, func, _))) if *depth == entry.depth => {
                let entry = unit.unit.get_mut(id);
                entry.set(dw::DW_AT_low_pc, AttributeValue::Address(func.address(0)));
                entry.set(dw::DW_AT_high_pc, AttributeValue::Udata(func.length.into()));
                let mut frame = Expression::new();
                frame.op(dw::DW_OP_call_frame_cfa);
                entry.set(dw::DW_AT_frame_base, AttributeValue::Exprloc(frame));
            }
            (_, Some((_, func, _))) => {
                if let Some(ranges) = self.ranges(func, entry) {
                    set_ranges(unit.unit, id, func, ranges);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Where a variable is. In a function that depends on the code.
    fn location(
        &self,
        unit: &mut ConvertUnit<'_, Bytes<'a>>,
        read: UnitRef<'_, Bytes<'a>>,
        value: Value<Bytes<'a>>,
        func: Option<&Function<'a>>,
        frame: Option<&Formula>,
        is_pointer: bool,
    ) -> Option<AttributeValue> {
        let mut all: Vec<(u32, u32, Expression)> = Vec::new();
        let parts =
            |expression| expression::read(expression, read.encoding(), frame, &|index| read.address(index).ok());
        let whole = func.map_or((0, u32::MAX), |func| (0, func.length));
        match value {
            Value::Exprloc(expression) => self.place(&mut all, &[whole], &parts(expression)?, func, is_pointer),
            value => {
                let mut locations = read.attr_locations(value).ok()??;
                while let Some(entry) = locations.next().ok()? {
                    if !self.source.budget.take(1) {
                        break;
                    }
                    let (start, end) = (self.source.offset(entry.range.begin)?, self.source.offset(entry.range.end)?);
                    let code = self.source.code_of(func?, start, end);
                    if let Some(parts) = parts(entry.data) {
                        self.place(&mut all, &code, &parts, func, is_pointer);
                    }
                }
            }
        }
        all.sort_by_key(|(start, _, _)| *start);
        match (all.len(), func) {
            (0, _) => None,
            (1, _) if (all[0].0, all[0].1) == whole => Some(AttributeValue::Exprloc(all.remove(0).2)),
            (_, None) => None,
            (_, Some(func)) => {
                let mut list = vec![Location::BaseAddress { address: func.address(0) }];
                list.extend(all.into_iter().map(|(start, end, data)| Location::OffsetPair {
                    begin: start.into(),
                    end: end.into(),
                    data,
                }));
                Some(AttributeValue::LocationListRef(unit.unit.locations.add(LocationList(list))))
            }
        }
    }

    /// Adds the expressions of a variable for some ranges of code, split where locals change their
    /// places.
    fn place(
        &self,
        all: &mut Vec<(u32, u32, Expression)>,
        code: &[(u32, u32)],
        parts: &[Part],
        func: Option<&Function<'a>>,
        is_pointer: bool,
    ) {
        let formulas = || parts.iter().filter_map(|(formula, _)| formula.as_ref());
        let locals: BTreeSet<u32> = formulas().flat_map(Formula::locals).collect();
        for range in code {
            // Where each local is, in the ranges in which all are somewhere, unless there are
            // several parts: of those, some may be nowhere.
            let mut ranges: Vec<Known> = vec![(range.0, range.1, Vec::new())];
            for local in &locals {
                let places = func.map_or(&[][..], |func| func.places(*local));
                if !self.source.budget.take(places.len().saturating_mul(ranges.len())) {
                    return;
                }
                ranges = ranges.iter().flat_map(|range| split(range, places, *local, parts.len() > 1)).collect();
            }
            for (start, end, places) in ranges {
                let place = |local| places.iter().find(|(other, _)| *other == local).map(|(_, place)| *place);
                if !self.source.places.take(parts.len()) {
                    return;
                }
                if let Some(expression) = self.expression(parts, func, &place, is_pointer) {
                    match all.last_mut() {
                        Some((_, last, other)) if *last == start && *other == expression => *last = end,
                        _ => all.push((start, end, expression)),
                    }
                }
            }
        }
    }

    fn expression(
        &self,
        parts: &[Part],
        func: Option<&Function<'a>>,
        places: &dyn Fn(u32) -> Option<Place>,
        is_pointer: bool,
    ) -> Option<Expression> {
        let mut expression = Expression::new();
        let mut is_somewhere = false;
        for (formula, size) in parts {
            let is_pointer = is_pointer && size.is_none();
            let mut part = Expression::new();
            let written = formula
                .as_ref()
                .and_then(|formula| formula.write(&mut part, &self.source.world, func, places, is_pointer));
            match (written, size) {
                (Some(()), None) => return Some(part),
                (None, None) => return None,
                (Some(()), Some(_)) => {
                    is_somewhere = true;
                    formula.as_ref()?.write(&mut expression, &self.source.world, func, places, false)?;
                }
                (None, Some(_)) => {}
            }
            expression.op_piece((*size)?);
        }
        is_somewhere.then_some(expression)
    }

    /// The lines of the unit's functions, their ranges, and the copies in them.
    fn finish(mut self, unit: &mut ConvertUnit<'_, Bytes<'a>>, files: Vec<gimli::write::FileId>) {
        let root = unit.unit.root();
        let made = std::mem::take(&mut self.made);
        let program = std::mem::replace(&mut unit.unit.line_program, gimli::write::LineProgram::none());
        if !program.is_none() {
            let mut table = Table::new(program, &self.source.debug.lines, self.number, files);
            for (id, func) in &made {
                table.add(func);
                super::copies::add(unit.unit, *id, func, &mut table, self.source);
            }
            unit.unit.line_program = table.program;
        }
        let ranges =
            made.iter().map(|(_, func)| Range::StartLength { begin: func.address(0), length: func.length.into() });
        let ranges = unit.unit.ranges.add(RangeList(ranges.collect()));
        let root = unit.unit.get_mut(root);
        root.set(dw::DW_AT_low_pc, AttributeValue::Address(Address::Constant(0)));
        root.set(dw::DW_AT_ranges, AttributeValue::RangeListRef(ranges));
    }
}

/// The code of an entry below a function.
pub fn set_ranges(unit: &mut gimli::write::Unit, id: UnitEntryId, func: &Function, ranges: Vec<(u32, u32)>) {
    if let [(start, end)] = ranges[..] {
        let entry = unit.get_mut(id);
        entry.set(dw::DW_AT_low_pc, AttributeValue::Address(func.address(start)));
        entry.set(dw::DW_AT_high_pc, AttributeValue::Udata(end.saturating_sub(start).into()));
        return;
    }
    let mut list = vec![Range::BaseAddress { address: func.address(0) }];
    list.extend(ranges.into_iter().map(|(begin, end)| Range::OffsetPair { begin: begin.into(), end: end.into() }));
    let list = unit.ranges.add(RangeList(list));
    unit.get_mut(id).set(dw::DW_AT_ranges, AttributeValue::RangeListRef(list));
}

/// The parts of a range in which a local is somewhere; with `or_nowhere` the others too.
fn split((start, end, known): &Known, places: &[crate::code::LocalPlace], local: u32, or_nowhere: bool) -> Vec<Known> {
    let mut parts = Vec::new();
    let mut at = *start;
    let nowhere = |from: u32, to: u32, parts: &mut Vec<_>| {
        if or_nowhere && from < to {
            parts.push((from, to, known.clone()));
        }
    };
    for place in places.iter().filter(|place| place.start < *end && place.end > *start) {
        let (from, to) = (place.start.max(at), place.end.min(*end));
        if from >= to {
            continue;
        }
        nowhere(at, from, &mut parts);
        let mut known = known.clone();
        known.push((local, place.place));
        parts.push((from, to, known));
        at = to;
    }
    nowhere(at, *end, &mut parts);
    parts
}

/// Attributes that mean nothing on the host.
fn is_left_out(name: DwAt) -> bool {
    matches!(
        name,
        dw::DW_AT_GNU_locviews
            | dw::DW_AT_macros
            | dw::DW_AT_macro_info
            | dw::DW_AT_GNU_macros
            | dw::DW_AT_return_addr
            | dw::DW_AT_static_link
            | dw::DW_AT_vtable_elem_location
            | dw::DW_AT_call_return_pc
            | dw::DW_AT_call_pc
    )
}
