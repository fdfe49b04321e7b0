//! The tables that entries refer to for their form (DWARF 5, 7.5.3), each read once.
//!
//! Any number of units may refer to one table, and tables may overlap: the bytes of all that units
//! refer to are counted first.

use super::Bytes;
use super::budget::Budget;
use anyhow::{Context, Result};
use gimli::constants as dw;
use gimli::read::{AbbreviationsCacheStrategy, Dwarf, Reader, Section, Unit, UnitHeader};
use std::collections::BTreeSet;

/// Reads all tables.
///
/// # Errors
/// When one is damaged, or they are much more than their section.
pub fn read(dwarf: &mut Dwarf<Bytes>) -> Result<()> {
    let section = *dwarf.debug_abbrev.reader();
    let budget = Budget::new(section.len(), 2);
    let mut tables = BTreeSet::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        tables.insert(header.debug_abbrev_offset().0);
    }
    for table in tables {
        let mut rest = section;
        // What lies outside is an error of the unit.
        if rest.skip(table).is_err() {
            continue;
        }
        let before = rest.len();
        skip(&mut rest).context("a table of abbreviations")?;
        budget.spend(before.saturating_sub(rest.len()), "tables of abbreviations")?;
    }
    dwarf.populate_abbreviations_cache(AbbreviationsCacheStrategy::All);
    Ok(())
}

/// A unit with its first entry, whose attributes may take no bytes at all.
///
/// # Errors
/// When it is damaged, or the attributes of all units are too many.
pub fn unit<'a>(dwarf: &Dwarf<Bytes<'a>>, header: UnitHeader<Bytes<'a>>, budget: &Budget) -> Result<Unit<Bytes<'a>>> {
    let unit = dwarf.unit(header)?;
    let n_attributes = unit.entries().next_dfs()?.map_or(0, |root| root.attrs().len());
    budget.spend(n_attributes.saturating_add(1), "attributes")?;
    Ok(unit)
}

/// Reads up to the end of a table.
fn skip(rest: &mut Bytes) -> gimli::Result<()> {
    while rest.read_uleb128()? != 0 {
        // Its tag, and whether it has children.
        rest.read_uleb128()?;
        rest.read_u8()?;
        loop {
            let (name, form) = (rest.read_uleb128()?, rest.read_uleb128()?);
            if form == u64::from(dw::DW_FORM_implicit_const.0) {
                rest.read_sleb128()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
        }
    }
    Ok(())
}
