//! References: null, functions, and where a function's signature is found.

use super::translator::{Translator, trap_code};
use super::types::POINTER;
use crate::abi::table::SIGNATURE_FIELD_BEFORE_ENTRY;
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::wasm::{FuncIndex, TypeIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};

impl Translator<'_> {
    pub fn ref_null(&mut self) {
        let null = self.iconst(POINTER, 0);
        self.push(null);
    }

    pub fn ref_func(&mut self, func: FuncIndex) {
        let entry = self.address_of(Symbol::Function(func));
        self.push(entry);
    }

    pub fn ref_is_null(&mut self) {
        let reference = self.pop();
        let null = self.is_null(reference);
        let null = self.builder.ins().uextend(types::I32, null);
        self.push(null);
    }

    pub fn ref_as_non_null(&mut self) {
        let reference = *self.scratch.stack.last().expect("validated: an operand");
        self.builder.ins().trapz(reference, trap_code(Trap::NullReference));
    }

    /// Drops the reference if it is not null.
    pub fn br_on_null(&mut self, depth: u32) {
        let reference = self.pop();
        let null = self.is_null(reference);
        self.br_on(null, depth);
        self.push(reference);
    }

    /// The label receives the reference; it is dropped if null.
    pub fn br_on_non_null(&mut self, depth: u32) {
        let reference = *self.scratch.stack.last().expect("validated: an operand");
        self.br_on(reference, depth);
        self.pop();
    }

    pub fn call_ref(&mut self, ty: TypeIndex) {
        let code = self.pop();
        self.builder.ins().trapz(code, trap_code(Trap::NullFunctionReference));
        self.call_code(ty, code);
    }

    pub fn return_call_ref(&mut self, ty: TypeIndex) {
        let code = self.pop();
        self.builder.ins().trapz(code, trap_code(Trap::NullFunctionReference));
        self.return_call_code(ty, code);
    }

    fn is_null(&mut self, reference: Value) -> Value {
        self.builder.ins().icmp_imm_u(IntCC::Equal, reference, 0)
    }

    /// Signature identity of a function reference, 0 for null: the field before the entry is
    /// relative to the entry.
    pub fn signature_of(&mut self, reference: Value) -> Value {
        if self.known_integer(reference) == Some(0) {
            return reference;
        }
        let (read, done) = (self.create_block(), self.builder.create_block());
        let signature = self.builder.append_block_param(done, POINTER);
        self.builder.ins().brif(reference, read, &[], done, &[reference.into()]);
        self.builder.seal_block(read);
        self.builder.switch_to_block(read);
        let flags = MemFlagsData::trusted().with_readonly();
        let distance = self.builder.ins().load(types::I32, flags, reference, -SIGNATURE_FIELD_BEFORE_ENTRY);
        let distance = self.builder.ins().sextend(POINTER, distance);
        let identity = self.builder.ins().iadd(reference, distance);
        self.builder.ins().jump(done, &[identity.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        signature
    }
}
