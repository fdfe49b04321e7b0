//! Variables that are on the operand stack: which places of it, from which operator to which.
//!
//! Translation is told of them, because nothing else knows what lies there.

use super::Bytes;
use super::budget::Budget;
use anyhow::Result;
use gimli::constants as dw;
use gimli::read::{Dwarf, Expression, Operation, Unit};

/// Added to the number of a place of the operand stack, where debuggers see it as a local.
/// Functions have at most 50,000 locals.
pub const STACKED: u32 = 1 << 31;

/// A place of the operand stack has the same value from one operator to another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stacked {
    /// Byte offsets in the module, of which the first is inside.
    pub start: u32,
    pub end: u32,
    /// Counted from the bottom of the function's own stack.
    pub slot: u32,
}

/// All of a module, sorted.
///
/// # Errors
/// When DWARF is damaged, or makes too much work.
pub fn read(dwarf: &Dwarf<Bytes>, code_start: u32, budget: &Budget) -> Result<Vec<Stacked>> {
    let mut all = Vec::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            // Attributes may take no bytes at all.
            budget.spend(entry.attrs().len().saturating_add(1), "attributes")?;
            if !matches!(entry.tag(), dw::DW_TAG_variable | dw::DW_TAG_formal_parameter) {
                continue;
            }
            let Some(value) = entry.attr_value(dw::DW_AT_location) else { continue };
            let Some(mut locations) = dwarf.attr_locations(&unit, value)? else { continue };
            while let Some(location) = locations.next()? {
                budget.spend(1, "places of variables")?;
                let bounds = [location.range.begin, location.range.end];
                let [start, end] = bounds.map(|at| u32::try_from(at).ok().and_then(|at| at.checked_add(code_start)));
                let Some((start, end)) = start.zip(end) else { continue };
                all.extend(slots(location.data, &unit).into_iter().map(|slot| Stacked { start, end, slot }));
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// The places that an expression takes. What is damaged takes none.
fn slots(expression: Expression<Bytes>, unit: &Unit<Bytes>) -> Vec<u32> {
    let mut operations = expression.operations(unit.encoding());
    let mut slots = Vec::new();
    while let Ok(Some(operation)) = operations.next() {
        if let Operation::WasmStack { index } = operation {
            slots.push(index);
        }
    }
    slots
}
