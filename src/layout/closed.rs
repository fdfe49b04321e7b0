//! What is known of the entries of a table of functions that never changes.

use super::{Layout, SignatureIndex, initial_items};
use crate::number::to_usize;
use crate::wasm::{FuncIndex, Module, TableIndex};

/// The entries of such a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClosedTable {
    /// What is missing at the end is null.
    items: Vec<Option<FuncIndex>>,
    /// The one signature of all functions.
    pub signature: Option<SignatureIndex>,
    pub has_null: bool,
}

impl ClosedTable {
    /// `None` if the table can change.
    pub fn of(module: &Module, layout: &Layout, table: TableIndex) -> Option<ClosedTable> {
        let plan = layout.tables[table];
        let length = plan.fixed.filter(|_| plan.functions && plan.never_changes())?;
        let items = initial_items(module, layout, table);
        let mut signatures = items.iter().flatten().map(|func| layout.signature(module, *func));
        let first = signatures.next();
        let signature = first.filter(|first| signatures.all(|other| other == *first));
        let has_null = items.len() < to_usize(length) || items.contains(&None);
        Some(ClosedTable { items, signature, has_null })
    }

    /// The function at an index; `None` for null and beyond the end.
    pub fn function(&self, index: u64) -> Option<FuncIndex> {
        usize::try_from(index).ok().and_then(|index| *self.items.get(index)?)
    }
}
