//! Exceptions: calls inside a `try`, landings, `throw`.
//!
//! Nothing is paid where nothing is thrown. Inside the body of a `try` a call becomes CLIF's
//! `try_call`, whose exception table lists the handlers around it, the innermost first; everything
//! else is translated as ever. The runtime finds the table by the return address and jumps to the
//! landing, a block that receives the exception's address. Traps are not exceptions: they never
//! land.
//!
//! An exception is an object whose type is its tag, see `abi::object`.

use super::frames::{Clause, FrameKind, Scope, ScopeIndex};
use super::structs::{Extension, Place};
use super::symbols::Region;
use super::translator::{Translator, trap_code};
use super::types::POINTER;
use crate::abi::builtin::Builtin;
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::layout::objects::StructPlan;
use crate::number::to_u32;
use crate::wasm::TagIndex;
use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTableData, ExceptionTableItem, ExceptionTag, FuncRef, Inst, InstBuilder, SigRef, Value,
    types,
};
use wasmparser::{Catch, RefType, StorageType, TryTable, ValType};

#[derive(Copy, Clone)]
pub enum Callee {
    Function(FuncRef),
    Code(SigRef, Value),
}

/// Where a call's results are found.
#[derive(Copy, Clone)]
pub enum Returned {
    By(Inst),
    /// The results are the parameters of the block after the call.
    To(Block),
}

impl Translator<'_> {
    pub fn try_table(&mut self, try_table: &TryTable) {
        let clauses = try_table.catches.iter().map(|catch| Clause::new(tag_of(catch))).collect();
        let scope = self.add_scope(self.scratch.scope, clauses);
        self.open(FrameKind::TryTable(scope), try_table.ty, None);
        self.scratch.scopes[scope].catches.clone_from(&try_table.catches);
        self.scratch.scope = Some(scope);
    }

    pub fn add_scope(&mut self, outer: Option<ScopeIndex>, clauses: Vec<Clause>) -> ScopeIndex {
        let scope = self.scratch.scopes.len();
        let point = self.point;
        self.scratch.scopes.push(Scope { outer, clauses, point, catches: Vec::new() });
        scope
    }

    /// Calls with the operands from `start`, which stay on the stack.
    pub fn call_operands(&mut self, callee: Callee, start: usize) -> Returned {
        let handlers = self.handlers();
        if handlers.is_empty() {
            let args = &self.scratch.stack[start..];
            return Returned::By(match callee {
                Callee::Function(func) => self.builder.ins().call(func, args),
                Callee::Code(signature, code) => self.builder.ins().call_indirect(signature, code, args),
            });
        }
        let signature = match callee {
            Callee::Function(func) => self.builder.func.dfg.ext_funcs[func].signature,
            Callee::Code(signature, _) => signature,
        };
        let next = self.create_block();
        let n_results = self.builder.func.dfg.signatures[signature].returns.len();
        for i in 0..n_results {
            let ty = self.builder.func.dfg.signatures[signature].returns[i].value_type;
            self.builder.append_block_param(next, ty);
        }
        let results: Vec<_> = (0..to_u32(n_results)).map(BlockArg::TryCallRet).collect();
        let normal = self.builder.func.dfg.block_call(next, &results);
        let table = ExceptionTableData::new(signature, normal, handlers);
        let table = self.builder.func.dfg.exception_tables.push(table);
        let args = &self.scratch.stack[start..];
        match callee {
            Callee::Function(func) => self.builder.ins().try_call(func, args, table),
            Callee::Code(_, code) => self.builder.ins().try_call_indirect(code, args, table),
        };
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
        Returned::To(next)
    }

    pub fn returned(&self, returned: Returned) -> &[Value] {
        match returned {
            Returned::By(inst) => self.results(inst),
            Returned::To(block) => self.builder.block_params(block),
        }
    }

    /// The handlers around the operator at hand, from the innermost to the first that takes
    /// everything.
    fn handlers(&mut self) -> Vec<ExceptionTableItem> {
        let mut items = Vec::new();
        let mut seen = Vec::new();
        let mut next = self.scratch.scope;
        while let Some(scope) = next {
            let scope = &mut self.scratch.scopes[scope];
            next = scope.outer;
            for clause in &mut scope.clauses {
                if clause.tag.is_some_and(|tag| seen.contains(&tag)) {
                    continue;
                }
                let landing = *clause.landing.get_or_insert_with(|| {
                    let landing = self.builder.create_block();
                    self.builder.append_block_param(landing, POINTER);
                    self.builder.set_cold_block(landing);
                    landing
                });
                let landing = self.builder.func.dfg.block_call(landing, &[BlockArg::TryCallExn(0)]);
                let Some(tag) = clause.tag else {
                    items.push(ExceptionTableItem::Default(landing));
                    return items;
                };
                seen.push(tag);
                items.push(ExceptionTableItem::Tag(ExceptionTag::from_u32(tag.as_u32()), landing));
            }
        }
        items
    }

    /// The landings of a `try_table` whose body has ended: each unpacks the exception and branches
    /// to its clause's label. Requires that the block at hand is closed.
    pub fn land(&mut self, scope: ScopeIndex, height: usize) {
        for i in 0..self.scratch.scopes[scope].catches.len() {
            let point = self.scratch.scopes[scope].point.saturating_add(to_u32(i));
            let Some(exception) = self.open_landing(scope, i, height, point) else { continue };
            let (label, with_reference) = match self.scratch.scopes[scope].catches[i] {
                Catch::One { label, .. } | Catch::All { label } => (label, false),
                Catch::OneRef { label, .. } | Catch::AllRef { label } => (label, true),
            };
            if with_reference {
                self.push_typed(exception, ValType::Ref(RefType::EXNREF));
            }
            // Labels are counted from outside of the `try_table`.
            self.br(label.checked_add(1).expect("validated: a label"));
        }
    }

    pub fn has_landing(&self, scope: ScopeIndex) -> bool {
        self.scratch.scopes[scope].clauses.iter().any(|clause| clause.landing.is_some())
    }

    /// Goes on in a clause's landing, with the exception's values on the stack above `height`; the
    /// exception's address. `None` if nothing lands there.
    pub fn open_landing(&mut self, scope: ScopeIndex, clause: usize, height: usize, point: u32) -> Option<Value> {
        let Clause { tag, landing } = self.scratch.scopes[scope].clauses[clause];
        let landing = landing?;
        self.builder.seal_block(landing);
        self.builder.switch_to_block(landing);
        self.count(point);
        self.reachable = true;
        self.scratch.stack.truncate(height);
        let exception = self.builder.block_params(landing)[0];
        let Some(tag) = tag else { return Some(exception) };
        let offsets = StructPlan::of_tag(self.env.module, tag).offsets;
        for (i, (&ty, offset)) in self.env.module.tag_values(tag).iter().zip(offsets).enumerate() {
            let value = self.read(place_of(exception, i, ty, offset), Extension::Unsigned);
            self.push_typed(value, ty);
        }
        Some(exception)
    }

    pub fn throw(&mut self, tag: TagIndex) {
        let values = self.env.module.tag_values(tag);
        let StructPlan { offsets, size, .. } = StructPlan::of_tag(self.env.module, tag);
        let start = self.canonicalise(values.len());
        // A throw takes so long that a call does not count.
        let size = self.iconst(types::I64, size.into());
        let exception = self.allocate_in_runtime(size);
        self.write_header(exception, Symbol::Tag(tag));
        for (i, (&ty, offset)) in values.iter().zip(offsets).enumerate() {
            let value = self.scratch.stack[start..][i];
            self.write(place_of(exception, i, ty, offset), value);
        }
        self.scratch.stack.truncate(start);
        self.throw_exception(exception);
    }

    pub fn throw_ref(&mut self) {
        self.ref_as_non_null();
        let exception = self.pop();
        self.throw_exception(exception);
    }

    pub fn throw_exception(&mut self, exception: Value) {
        let start = self.scratch.stack.len();
        self.push(exception);
        let callee = self.callee(Symbol::Builtin(Builtin::Throw));
        self.call_operands(Callee::Function(callee), start);
        self.pop();
        self.builder.ins().trap(trap_code(Trap::Unreachable));
        self.reachable = false;
    }
}

fn tag_of(catch: &Catch) -> Option<TagIndex> {
    match *catch {
        Catch::One { tag, .. } | Catch::OneRef { tag, .. } => Some(TagIndex::from_u32(tag)),
        Catch::All { .. } | Catch::AllRef { .. } => None,
    }
}

/// A value of an exception.
fn place_of(exception: Value, value: usize, ty: ValType, offset: u32) -> Place {
    Place { object: exception, offset, storage: StorageType::Val(ty), region: Region::Field(value), null: None }
}
