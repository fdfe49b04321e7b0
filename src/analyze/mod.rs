//! Whole-program facts: what the closed world lets us know. Read only; nothing here changes the
//! module.
//!
//! Bodies are scanned before they are validated, so the scan trusts nothing: an operator that can't
//! be decoded ends the scan of its body (validation will report it), and indices out of range are
//! passed over.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod legacy;
mod scan;

use crate::foreign::{Foreign, default_memory};
use crate::shims;
use crate::wasm::{
    ElementIndex, ElementItems, ElementMode, EntityIndex, FuncIndex, GlobalIndex, MemoryIndex, Module, TableIndex,
};
use cranelift_entity::{EntitySet, SecondaryMap};
use legacy::Try;
use rayon::prelude::*;
use scan::BodyFacts;

/// What is known of the whole program. Entities of unreachable functions do not count.
#[derive(Default)]
pub struct Facts {
    /// Functions that can be called: from a root, directly or through a table that is used.
    pub reachable: EntitySet<FuncIndex>,
    /// Reachable functions whose reference may be taken: they need a signature field and, if
    /// imported, a thunk.
    pub address_taken: EntitySet<FuncIndex>,
    pub globals_written: EntitySet<GlobalIndex>,
    /// Tables read by reachable code or visible outside.
    pub tables_used: EntitySet<TableIndex>,
    /// Tables written or grown after instantiation.
    pub tables_written: EntitySet<TableIndex>,
    pub tables_grown: EntitySet<TableIndex>,
    pub memories_grown: EntitySet<MemoryIndex>,
    /// Imported functions through which exceptions may come into a `try`.
    pub imports_guarded: EntitySet<FuncIndex>,
    /// The legacy `try`s of each function, in the order in which they begin.
    pub tries: SecondaryMap<FuncIndex, Vec<Try>>,
}

/// What the world outside may touch.
pub struct Roots<'f> {
    /// Functions that it calls.
    pub functions: Vec<FuncIndex>,
    /// What others link against: they may call, write and grow it.
    pub visible: Vec<EntityIndex>,
    /// Who defines what is imported is not known: exceptions may come out of it.
    pub open: bool,
    /// C functions that get pointers to functions in tables.
    pub foreign: &'f Foreign,
}

/// Collects the facts.
pub fn facts(module: &Module, roots: &Roots) -> Facts {
    let bodies: Vec<_> = module.bodies().collect();
    let scanned: Vec<_> = bodies.par_iter().map(|(func, body)| (*func, scan::scan(module, body))).collect();
    let mut by_function: SecondaryMap<FuncIndex, Option<BodyFacts>> = SecondaryMap::new();
    for (func, facts) in scanned {
        by_function[func] = Some(facts);
    }
    let mut walk = Walk {
        module,
        by_function,
        facts: Facts::default(),
        queue: Vec::new(),
        elements: EntitySet::new(),
        open: roots.open,
        foreign: roots.foreign,
    };
    walk.roots(roots);
    walk.run();
    walk.facts
}

/// A search of the functions that can be called.
struct Walk<'m, 'a> {
    module: &'m Module<'a>,
    by_function: SecondaryMap<FuncIndex, Option<BodyFacts>>,
    facts: Facts,
    queue: Vec<FuncIndex>,
    /// Segments whose functions have been followed.
    elements: EntitySet<ElementIndex>,
    /// See [`Roots::open`].
    open: bool,
    foreign: &'m Foreign,
}

impl Walk<'_, '_> {
    fn roots(&mut self, roots: &Roots) {
        for &func in roots.functions.iter().chain(&self.module.start) {
            self.reach(func);
        }
        for global in self.module.globals.values() {
            if let Some(expr) = global.definition.local() {
                self.expression(expr);
            }
        }
        let visible = roots.visible.iter().copied();
        let imported = self.module.tables.iter().filter(|(_, table)| table.definition.is_import());
        let imported = imported.map(|(table, _)| EntityIndex::Table(table));
        for entity in visible.chain(imported).collect::<Vec<_>>() {
            match entity {
                EntityIndex::Function(func) => {
                    self.reach(func);
                    self.facts.address_taken.insert(func);
                }
                EntityIndex::Table(table) => {
                    self.use_table(table);
                    self.facts.tables_written.insert(table);
                    self.facts.tables_grown.insert(table);
                }
                EntityIndex::Memory(memory) => {
                    self.facts.memories_grown.insert(memory);
                }
                EntityIndex::Global(global) => {
                    if self.module.globals[global].ty.mutable {
                        self.facts.globals_written.insert(global);
                    }
                }
                EntityIndex::Tag(_) => {}
            }
        }
    }

    fn run(&mut self) {
        while let Some(func) = self.queue.pop() {
            let Some(body) = self.by_function[func].take() else {
                continue;
            };
            body.calls.iter().for_each(|&callee| self.reach(callee));
            body.references.iter().for_each(|&callee| self.take_address(callee));
            body.tables_used.iter().for_each(|&table| self.use_table(table));
            body.elements_used.iter().for_each(|&element| self.follow(element));
            self.facts.globals_written.extend(body.globals_written.iter().copied());
            self.facts.tables_written.extend(body.tables_written.iter().copied());
            self.facts.tables_grown.extend(body.tables_grown.iter().copied());
            self.facts.memories_grown.extend(body.memories_grown.iter().copied());
            if self.open && body.catches {
                let imported =
                    |func: &FuncIndex| self.module.functions.get(*func).is_some_and(|func| func.definition.is_import());
                self.facts.imports_guarded.extend(body.calls.iter().copied().filter(imported));
            }
            if !body.tries.is_empty() {
                self.facts.tries[func] = body.tries;
            }
        }
    }

    fn reach(&mut self, func: FuncIndex) {
        if self.module.functions.is_valid(func) && self.facts.reachable.insert(func) {
            self.queue.push(func);
            if self.may_grow_memory(func) {
                self.facts.memories_grown.extend(default_memory(self.module));
            }
            self.foreign.callbacks_of(func).filter_map(|(_, table)| table).for_each(|table| self.use_table(table));
        }
    }

    /// Whether an import can be a shim that lets the caller's memory grow.
    fn may_grow_memory(&self, func: FuncIndex) -> bool {
        let import = self.module.functions[func].definition.import();
        import
            .and_then(|import| shims::find(import, self.module.function_type(func)))
            .is_some_and(|shim| shim.grows_memory())
    }

    fn take_address(&mut self, func: FuncIndex) {
        self.reach(func);
        self.facts.address_taken.insert(func);
    }

    /// A table that is read makes the functions of its active segments reachable.
    fn use_table(&mut self, table: TableIndex) {
        if !self.module.tables.is_valid(table) || !self.facts.tables_used.insert(table) {
            return;
        }
        if let Some(Some(expr)) = self.module.tables[table].definition.local() {
            self.expression(expr);
        }
        for (index, element) in &self.module.elements {
            if matches!(element.mode, ElementMode::Active { table: target, .. } if target == table) {
                self.follow(index);
            }
        }
    }

    fn follow(&mut self, index: ElementIndex) {
        if !self.module.elements.is_valid(index) || !self.elements.insert(index) {
            return;
        }
        match &self.module.elements[index].items {
            ElementItems::Functions(funcs) => funcs.iter().for_each(|&func| self.take_address(func)),
            ElementItems::Expressions(exprs) => exprs.iter().for_each(|expr| self.expression(expr)),
        }
    }

    fn expression(&mut self, expr: &wasmparser::ConstExpr) {
        for operator in expr.get_operators_reader().into_iter().map_while(Result::ok) {
            if let wasmparser::Operator::RefFunc { function_index } = operator {
                self.take_address(FuncIndex::from_u32(function_index));
            }
        }
    }
}
