//! Calls: of functions, of imports, through tables, and in tail position.

use super::Env;
use super::exception::{Callee, Returned};
use super::signature;
use super::symbols::Region;
use super::translator::{Translator, trap_code};
use super::types::{POINTER, value_type};
use crate::abi::builtin::Builtin;
use crate::abi::program::Program;
use crate::abi::table::FuncEntry;
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::number::to_displacement;
use crate::wasm::{FuncIndex, TableIndex, TypeIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value};
use std::mem::offset_of;

impl Translator<'_> {
    pub fn call(&mut self, func: FuncIndex) {
        let ty = self.env.module.functions[func].ty;
        let start = self.canonicalise(self.env.module.signature(ty).params().len());
        let lands = self.scratch.scope.is_some() && self.env.facts.imports_guarded.contains(func);
        // A call in the C convention can't land: where an exception may come through, it is made by
        // a thunk.
        if self.is_foreign(func) && !lands {
            let args = self.scratch.stack.split_off(start);
            let results = self.call_import(func, &args);
            self.push_results(ty, &results);
        } else {
            self.call_internal(func);
        }
    }

    /// Calls a function in our own convention: an imported one by its thunk.
    fn call_internal(&mut self, func: FuncIndex) {
        self.poll_once();
        let ty = self.env.module.functions[func].ty;
        let start = self.canonicalise(self.env.module.signature(ty).params().len());
        let callee = self.callee(Symbol::Function(func));
        let call = self.call_operands(Callee::Function(callee), start);
        self.replace_by_results(start, ty, call);
    }

    pub fn call_indirect(&mut self, ty: TypeIndex, table: TableIndex) {
        let index = self.pop();
        if let Some(func) = self.known_function(ty, table, index) {
            return self.call_internal(func);
        }
        let code = self.table_function(ty, table, index);
        self.call_code(ty, code);
    }

    /// Calls an entry whose signature is known to be right.
    pub fn call_code(&mut self, ty: TypeIndex, code: Value) {
        self.poll_once();
        let start = self.canonicalise(self.env.module.signature(ty).params().len());
        let signature = self.signature(ty);
        let call = self.call_operands(Callee::Code(signature, code), start);
        self.replace_by_results(start, ty, call);
    }

    pub fn return_call(&mut self, func: FuncIndex) {
        if self.is_foreign(func) {
            // The C convention has no tail calls; an import costs one frame however often it is
            // called. A `try` around it does not count: as a tail call it happens after the
            // function.
            let scope = self.scratch.scope.take();
            self.call(func);
            self.scratch.scope = scope;
            return self.return_();
        }
        self.return_call_internal(func);
    }

    fn return_call_internal(&mut self, func: FuncIndex) {
        self.poll_once();
        let start = self.canonicalise(self.env.module.function_type(func).params().len());
        let callee = self.callee(Symbol::Function(func));
        self.builder.ins().return_call(callee, &self.scratch.stack[start..]);
        self.reachable = false;
    }

    pub fn return_call_indirect(&mut self, ty: TypeIndex, table: TableIndex) {
        let index = self.pop();
        if let Some(func) = self.known_function(ty, table, index) {
            return self.return_call_internal(func);
        }
        let code = self.table_function(ty, table, index);
        self.return_call_code(ty, code);
    }

    pub fn return_call_code(&mut self, ty: TypeIndex, code: Value) {
        self.poll_once();
        let start = self.canonicalise(self.env.module.signature(ty).params().len());
        let signature = self.signature(ty);
        self.builder.ins().return_call_indirect(signature, code, &self.scratch.stack[start..]);
        self.reachable = false;
    }

    /// The function of type `ty` at a constant index of a table that never changes. `None` where
    /// that is not known, and where the call traps.
    fn known_function(&mut self, ty: TypeIndex, table: TableIndex, index: Value) -> Option<FuncIndex> {
        let Env { module, layout, .. } = self.env;
        let (entries, index) = layout.closed_tables[table].as_ref().zip(self.known_unsigned(index))?;
        self.scratch.knows_entries = true;
        let func = entries.function(index)?;
        (layout.signature(module, func) == layout.signature_of[ty]).then_some(func)
    }

    /// The entry at `index`, which must be a function of type `ty`.
    ///
    /// Where all functions of a table that never changes have that type, the signature is not
    /// compared, and null is looked for only where there is one.
    ///
    /// Null has signature 0, so that one compare finds both null and another type; which of them it
    /// was is asked only then.
    fn table_function(&mut self, ty: TypeIndex, table: TableIndex, index: Value) -> Value {
        let entry = self.table_entry(table, index, Trap::UndefinedElement);
        let flags = self.trusted(Region::Table(table));
        let code = self.builder.ins().load(POINTER, flags, entry, to_displacement(offset_of!(FuncEntry, code)));
        let expected = self.env.layout.signature_of[ty];
        if let Some(entries) = &self.env.layout.closed_tables[table]
            && entries.signature == Some(expected)
        {
            if entries.has_null {
                self.builder.ins().trapz(code, trap_code(Trap::UninitializedElement));
            }
            return code;
        }
        let actual = self.builder.ins().load(POINTER, flags, entry, to_displacement(offset_of!(FuncEntry, signature)));
        let expected = self.address_of(Symbol::Signature(expected));
        let right = self.builder.ins().icmp(IntCC::Equal, expected, actual);

        let call = self.create_block();
        let mismatch = self.create_block_that(true);
        self.builder.ins().brif(right, call, &[], mismatch, &[]);
        self.builder.seal_block(mismatch);
        self.builder.switch_to_block(mismatch);
        self.builder.ins().trapz(code, trap_code(Trap::UninitializedElement));
        if !self.env.module.types[ty].is_final {
            let matches = self.signature_matches(actual, expected);
            let other = self.create_block_that(true);
            self.builder.ins().brif(matches, call, &[], other, &[]);
            self.builder.seal_block(other);
            self.builder.switch_to_block(other);
        }
        self.trap_for_types(expected, actual);
        self.builder.seal_block(call);
        self.builder.switch_to_block(call);
        code
    }

    /// Ends a block: a function has another signature than its caller wants. The message has both.
    pub fn trap_for_types(&mut self, expected: Value, actual: Value) {
        self.call_builtin(Builtin::TypeMismatch, &[expected, actual]);
        self.builder.ins().trap(trap_code(Trap::IndirectCallTypeMismatch));
    }

    /// Calls an imported function by its C symbol.
    pub fn call_import(&mut self, func: FuncIndex, args: &[Value]) -> Vec<Value> {
        if let Some(declared) = self.env.foreign.function(func) {
            return self.call_declared(func, declared, args);
        }
        let ty = self.env.module.function_type(func);
        let callee = self.callee(Symbol::Import(func));
        let mut args = self.pass_to_c(ty.params(), args);
        let data = self.env.with_data.contains(&func).then(|| self.user_data());
        if !signature::returns_structure(ty) {
            args.splice(0..0, data);
            let call = self.builder.ins().call(callee, &args);
            let results = self.results(call).to_vec();
            return self.take_from_host(ty.results(), &results);
        }
        let (offsets, size) = signature::results_structure(self.env, ty);
        let slot = self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, 4));
        let structure = self.builder.ins().stack_addr(POINTER, slot, 0);
        args.splice(0..0, data.into_iter().chain([structure]));
        self.builder.ins().call(callee, &args);
        let load = |(&result, offset): (_, u32)| {
            self.builder.ins().load(value_type(result), MemFlagsData::trusted(), structure, to_displacement(offset))
        };
        let results: Vec<_> = ty.results().iter().zip(offsets).map(load).collect();
        self.check_from_host(ty.results(), &results);
        results
    }

    /// The pointer of the library's host.
    fn user_data(&mut self) -> Value {
        let program = self.address_of(Symbol::Program);
        let offset = to_displacement(offset_of!(Program, user_data));
        self.builder.ins().load(POINTER, MemFlagsData::trusted(), program, offset)
    }

    fn replace_by_results(&mut self, start: usize, ty: TypeIndex, call: Returned) {
        self.scratch.stack.truncate(start);
        for (i, &ty) in self.env.module.signature(ty).results().iter().enumerate() {
            let result = self.returned(call)[i];
            self.push_typed(result, ty);
        }
    }

    fn push_results(&mut self, ty: TypeIndex, results: &[Value]) {
        for (&result, &ty) in results.iter().zip(self.env.module.signature(ty).results()) {
            self.push_typed(result, ty);
        }
    }
}
