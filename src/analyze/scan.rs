//! One pass over one function body, collecting what [`super::Facts`] needs. Requires nothing: the body may be invalid.

use super::legacy::{Collector, Try};
use crate::wasm::{ElementIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex};
use wasmparser::{FunctionBody, Operator};

/// What one body refers to. Lists may hold an index more than once.
#[derive(Clone, Default)]
pub struct BodyFacts {
    pub calls: Vec<FuncIndex>,
    pub references: Vec<FuncIndex>,
    pub globals_written: Vec<GlobalIndex>,
    pub tables_used: Vec<TableIndex>,
    pub tables_written: Vec<TableIndex>,
    pub tables_grown: Vec<TableIndex>,
    pub memories_grown: Vec<MemoryIndex>,
    pub elements_used: Vec<ElementIndex>,
    /// It has a `try` or `try_table`.
    pub catches: bool,
    pub tries: Vec<Try>,
}

/// Scans `body` up to its end or to the first operator that can't be decoded.
pub fn scan(body: &FunctionBody) -> BodyFacts {
    let mut facts = BodyFacts::default();
    let Ok(reader) = body.get_operators_reader() else {
        return facts;
    };
    let mut tries = Collector::default();
    for operator in reader.into_iter().map_while(Result::ok) {
        facts.note(&operator);
        tries.note(&operator);
    }
    facts.tries = tries.tries;
    facts.calls.sort_unstable();
    facts.calls.dedup();
    facts
}

impl BodyFacts {
    fn note(&mut self, operator: &Operator) {
        match *operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.calls.push(FuncIndex::from_u32(function_index));
            }
            Operator::RefFunc { function_index } => self.references.push(FuncIndex::from_u32(function_index)),
            Operator::GlobalSet { global_index } => self.globals_written.push(GlobalIndex::from_u32(global_index)),
            Operator::CallIndirect { table_index, .. }
            | Operator::ReturnCallIndirect { table_index, .. }
            | Operator::TableGet { table: table_index }
            | Operator::TableSize { table: table_index } => self.use_table(table_index),
            Operator::TableSet { table } | Operator::TableFill { table } => {
                self.use_table(table);
                self.tables_written.push(TableIndex::from_u32(table));
            }
            Operator::TableGrow { table } => {
                self.use_table(table);
                self.tables_written.push(TableIndex::from_u32(table));
                self.tables_grown.push(TableIndex::from_u32(table));
            }
            Operator::TableCopy { dst_table, src_table } => {
                self.use_table(dst_table);
                self.use_table(src_table);
                self.tables_written.push(TableIndex::from_u32(dst_table));
            }
            Operator::TableInit { elem_index, table } => {
                self.use_table(table);
                self.tables_written.push(TableIndex::from_u32(table));
                self.elements_used.push(ElementIndex::from_u32(elem_index));
            }
            Operator::Try { .. } | Operator::TryTable { .. } => self.catches = true,
            Operator::MemoryGrow { mem } => self.memories_grown.push(MemoryIndex::from_u32(mem)),
            _ => {}
        }
    }

    fn use_table(&mut self, table: u32) {
        let table = TableIndex::from_u32(table);
        if self.tables_used.last() != Some(&table) {
            self.tables_used.push(table);
        }
    }
}
