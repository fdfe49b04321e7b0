//! Which functions LLVM has inlined where, from its debug information: backtraces show them.

use super::adopt::{Elf, relocated};
use super::types;
use crate::code::{Inlined, Site};
use crate::layout::Symbol;
use anyhow::{Context, Result};
use gimli::read::{AttributeValue, Dwarf, EndianSlice, EntriesTreeNode, Unit, UnitOffset};
use gimli::{DW_AT_abstract_origin, DW_AT_call_line, DW_AT_name, DW_TAG_inlined_subroutine, LittleEndian};
use object::SectionIndex;
use std::collections::HashMap;

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// The functions that are inlined in one function.
#[derive(Default)]
pub struct Scopes {
    /// Each after the one around it.
    pub functions: Vec<Inlined>,
    /// Start and end of code, and the number of what is inlined there, counted from 1; each after
    /// those around it.
    ranges: Vec<(u64, u64, u32)>,
}

impl Scopes {
    /// The innermost function that a site belongs to: see [`Site::scope`].
    pub fn around(&self, site: &Site) -> u32 {
        // A call is found by its last byte.
        self.at(site.offset.saturating_sub(u32::from(site.trap.is_none())))
    }

    /// The innermost function that the code at an offset belongs to.
    pub fn at(&self, place: u32) -> u32 {
        let place = u64::from(place);
        let around = self.ranges.iter().rfind(|(start, end, _)| (*start..*end).contains(&place));
        around.map_or(0, |(_, _, number)| *number)
    }
}

/// What is inlined in each function, by their numbers.
///
/// # Errors
/// When the debug information can't be read.
pub fn read(file: &Elf, numbers: &HashMap<SectionIndex, usize>) -> Result<Vec<Scopes>> {
    let mut all: Vec<Scopes> = numbers.iter().map(|_| Scopes::default()).collect();
    let load = |id: gimli::SectionId| relocated(file, id.name(), numbers);
    let sections = gimli::read::DwarfSections::load(load)?;
    let dwarf = sections.borrow(|section| EndianSlice::new(section, LittleEndian));
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        let mut tree = unit.entries_tree(None)?;
        let mut functions = tree.root()?.children();
        while let Some(function) = functions.next()? {
            add(&dwarf, &unit, function, 0, &mut all)?;
        }
    }
    Ok(all)
}

/// Adds what is inlined below a node, in what has the number `parent`.
fn add<'a>(
    dwarf: &Dwarf<Bytes<'a>>,
    unit: &Unit<Bytes<'a>>,
    node: EntriesTreeNode<Bytes<'a>>,
    parent: u32,
    all: &mut [Scopes],
) -> Result<()> {
    let entry = node.entry();
    let mut own = parent;
    if entry.tag() == DW_TAG_inlined_subroutine {
        let mut ranges = Vec::new();
        let mut list = dwarf.die_ranges(unit, entry)?;
        while let Some(range) = list.next()? {
            ranges.push((range.begin, range.end));
        }
        // An address is a function's number and the place in it.
        let Some(&(start, _)) = ranges.first() else { return Ok(()) };
        let scopes = all.get_mut(usize::try_from(start >> 32)?).context("an inlined function without a caller")?;
        let line = entry.attr_value(DW_AT_call_line).and_then(|it| it.udata_value()).unwrap_or(0);
        let symbol = symbol(dwarf, unit, entry.attr_value(DW_AT_abstract_origin))?;
        scopes.functions.push(Inlined { symbol, parent, wasm_offset: u32::try_from(line)? });
        own = u32::try_from(scopes.functions.len())?;
        let place = |address: u64| address & 0xffff_ffff;
        scopes.ranges.extend(ranges.iter().map(|(start, end)| (place(*start), place(*end), own)));
    }
    let mut children = node.children();
    while let Some(child) = children.next()? {
        add(dwarf, unit, child, own, all)?;
    }
    Ok(())
}

/// The function that an inlined one is a copy of.
fn symbol(dwarf: &Dwarf<Bytes>, unit: &Unit<Bytes>, origin: Option<AttributeValue<Bytes>>) -> Result<Symbol> {
    let Some(AttributeValue::UnitRef(UnitOffset(origin))) = origin else {
        anyhow::bail!("an inlined function without an origin");
    };
    let origin = unit.entry(UnitOffset(origin))?;
    let name = origin.attr_value(DW_AT_name).context("a function without a name")?;
    let name = dwarf.attr_string(unit, name)?;
    let name = types::of_symbol(name.to_string()?).context("a function of another name")?;
    Ok(Symbol::decode(&name))
}
