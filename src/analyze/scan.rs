//! One pass over one function body, collecting what [`super::Facts`] needs. Requires nothing: the
//! body may be invalid. Indices of what the module does not have are passed over.

use super::legacy::{Collector, Try};
use crate::wasm::{ElementIndex, FuncIndex, GlobalIndex, MemoryIndex, Module, TableIndex};
use cranelift_entity::{EntityRef, PrimaryMap};
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
pub fn scan(module: &Module, body: &FunctionBody) -> BodyFacts {
    let mut facts = BodyFacts::default();
    let Ok(reader) = body.get_operators_reader() else {
        return facts;
    };
    let mut tries = Collector::default();
    for operator in reader.into_iter().map_while(Result::ok) {
        facts.note(module, &operator);
        tries.note(module, &operator);
    }
    facts.tries = tries.tries;
    facts.calls.sort_unstable();
    facts.calls.dedup();
    facts
}

impl BodyFacts {
    fn note(&mut self, module: &Module, operator: &Operator) {
        match *operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                note(&mut self.calls, &module.functions, function_index);
            }
            Operator::RefFunc { function_index } => note(&mut self.references, &module.functions, function_index),
            Operator::GlobalSet { global_index } => note(&mut self.globals_written, &module.globals, global_index),
            Operator::CallIndirect { table_index, .. }
            | Operator::ReturnCallIndirect { table_index, .. }
            | Operator::TableGet { table: table_index }
            | Operator::TableSize { table: table_index } => note(&mut self.tables_used, &module.tables, table_index),
            Operator::TableSet { table } | Operator::TableFill { table } => {
                note(&mut self.tables_used, &module.tables, table);
                note(&mut self.tables_written, &module.tables, table);
            }
            Operator::TableGrow { table } => {
                note(&mut self.tables_used, &module.tables, table);
                note(&mut self.tables_written, &module.tables, table);
                note(&mut self.tables_grown, &module.tables, table);
            }
            Operator::TableCopy { dst_table, src_table } => {
                note(&mut self.tables_used, &module.tables, dst_table);
                note(&mut self.tables_used, &module.tables, src_table);
                note(&mut self.tables_written, &module.tables, dst_table);
            }
            Operator::TableInit { elem_index, table } => {
                note(&mut self.tables_used, &module.tables, table);
                note(&mut self.tables_written, &module.tables, table);
                note(&mut self.elements_used, &module.elements, elem_index);
            }
            Operator::ArrayNewElem { array_elem_index, .. } | Operator::ArrayInitElem { array_elem_index, .. } => {
                note(&mut self.elements_used, &module.elements, array_elem_index);
            }
            Operator::Try { .. } | Operator::TryTable { .. } => self.catches = true,
            Operator::MemoryGrow { mem } => note(&mut self.memories_grown, &module.memories, mem),
            _ => {}
        }
    }
}

/// Adds an index to a list, if the module has such an entity and the list does not end with it.
fn note<I: EntityRef, T>(list: &mut Vec<I>, entities: &PrimaryMap<I, T>, index: u32) {
    let known = ((index as usize) < entities.len()).then(|| I::new(index as usize));
    if let Some(index) = known.filter(|index| list.last() != Some(index)) {
        list.push(index);
    }
}
