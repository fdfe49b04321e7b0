//! Tests of what a reference is: `ref.test`, `ref.cast`, branches on them, `i31`, and the
//! conversions from and to words of the host.
//!
//! Types of objects are compared by the addresses of their records: one compare for a final type,
//! otherwise with the entry of the object's display at the depth of the wanted type. What is known
//! of the operand's type is not tested again.

use super::symbols::Region;
use super::translator::{Translator, trap_code};
use super::types::POINTER;
use crate::abi::builtin::Builtin;
use crate::abi::object::{
    ABSTRACT_TYPES, DISPLAY, HOST_WORD, IMMEDIATE, KIND_ARRAY, KIND_HOST, KIND_STRUCT, TYPE_RECORD_SIZE, TypeRecord,
};
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::layout::objects::TypePlan;
use crate::number::{to_displacement, to_u32, to_usize};
use crate::wasm::TypeIndex;
use crate::wasm::structure;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use std::mem::offset_of;
use wasmparser::{AbstractHeapType, HeapType, RefType, ValType};

impl Translator<'_> {
    pub fn ref_test(&mut self, heap: HeapType, nullable: bool) {
        let reference = self.pop();
        let from = self.subject_type();
        let is_one = self.is_instance(reference, from, heap, nullable);
        let is_one = self.builder.ins().uextend(types::I32, is_one);
        self.push(is_one);
    }

    pub fn ref_cast(&mut self, heap: HeapType, nullable: bool) {
        let reference = *self.scratch.stack.last().expect("validated: an operand");
        self.cast(reference, self.subject_type(), heap, nullable);
    }

    /// Checks references that a host hands over: nothing else vouches for their types.
    pub fn check_from_host(&mut self, types: &[ValType], values: &[Value]) {
        for (&ty, &value) in types.iter().zip(values) {
            if let ValType::Ref(ty) = ty {
                let top = structure::top(self.env.module, ty);
                self.cast(value, top, ty.heap_type(), ty.is_nullable());
            }
        }
    }

    fn cast(&mut self, reference: Value, from: RefType, heap: HeapType, nullable: bool) {
        let is_one = self.is_instance(reference, from, heap, nullable);
        if self.known_integer(is_one) == Some(1) {
            return;
        }
        let (passed, failed) = (self.create_block(), self.create_block_that(true));
        self.builder.ins().brif(is_one, passed, &[], failed, &[]);
        self.builder.seal_block(failed);
        self.builder.switch_to_block(failed);
        let wanted = self.name_for_messages(heap);
        self.call_builtin(Builtin::CastFailure, &[reference, wanted]);
        self.builder.ins().trap(trap_code(Trap::CastFailure));
        self.builder.seal_block(passed);
        self.builder.switch_to_block(passed);
    }

    pub fn br_on_cast(&mut self, depth: u32, from: RefType, to: RefType) {
        let reference = *self.scratch.stack.last().expect("validated: an operand");
        let is_one = self.is_instance(reference, from, to.heap_type(), to.is_nullable());
        self.br_on(is_one, depth);
    }

    pub fn br_on_cast_fail(&mut self, depth: u32, from: RefType, to: RefType) {
        let reference = *self.scratch.stack.last().expect("validated: an operand");
        let is_one = self.is_instance(reference, from, to.heap_type(), to.is_nullable());
        let is_other = self.builder.ins().icmp_imm_u(IntCC::Equal, is_one, 0);
        self.br_on(is_other, depth);
    }

    pub fn ref_eq(&mut self) {
        let (a, b) = self.pop2();
        let same = self.builder.ins().icmp(IntCC::Equal, a, b);
        let same = self.builder.ins().uextend(types::I32, same);
        self.push(same);
    }

    pub fn ref_i31(&mut self) {
        let value = self.pop();
        let twice = self.builder.ins().ishl_imm_u(value, 1);
        let marked = self.builder.ins().bor_imm_u(twice, IMMEDIATE.cast_signed());
        let reference = self.builder.ins().uextend(POINTER, marked);
        self.push(reference);
    }

    pub fn i31_get(&mut self, is_signed: bool) {
        let reference = self.pop();
        if self.subject_may_be_null() {
            self.builder.ins().trapz(reference, trap_code(Trap::NullI31Reference));
        }
        let word = self.builder.ins().ireduce(types::I32, reference);
        let value = match is_signed {
            true => self.builder.ins().sshr_imm_u(word, 1),
            false => self.builder.ins().ushr_imm_u(word, 1),
        };
        self.push(value);
    }

    pub fn any_convert_extern(&mut self) {
        let word = self.pop();
        let heap = self.address_of(Symbol::Heap);
        let reference = self.call_builtin(Builtin::AnyOfExtern, &[heap, word]).expect("it has a result");
        self.push(reference);
    }

    pub fn extern_convert_any(&mut self) {
        let reference = self.pop();
        let word = self.call_builtin(Builtin::ExternOfAny, &[reference]).expect("it has a result");
        self.push(word);
    }

    /// Whether a reference of type `from` is one of a heap type, an `i8`. `nullable`: null counts.
    fn is_instance(&mut self, reference: Value, from: RefType, heap: HeapType, nullable: bool) -> Value {
        let module = self.env.module;
        let wanted = RefType::new(true, heap).expect("validated: a type index");
        if structure::accepts(module, wanted.into(), module, from.as_non_null().into()) {
            return match nullable || !from.is_nullable() {
                true => self.iconst(types::I8, 1),
                false => self.builder.ins().icmp_imm_u(IntCC::NotEqual, reference, 0),
            };
        }
        if is_bottom(heap) {
            return match nullable {
                true => self.builder.ins().icmp_imm_u(IntCC::Equal, reference, 0),
                false => self.iconst(types::I8, 0),
            };
        }
        let done = self.builder.create_block();
        let result = self.builder.append_block_param(done, types::I8);
        // The bits of null are not those of an `i31`.
        let tells_null = matches!(heap, HeapType::Abstract { ty: AbstractHeapType::I31, .. }) && !nullable;
        if from.is_nullable() && !tells_null {
            let null = self.iconst(types::I8, nullable.into());
            let present = self.create_block();
            self.builder.ins().brif(reference, present, &[], done, &[null.into()]);
            self.builder.seal_block(present);
            self.builder.switch_to_block(present);
        }
        let is_one = self.is_instance_present(reference, from, heap, done);
        self.builder.ins().jump(done, &[is_one.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        result
    }

    /// The same of a reference that is not null. `done` gets the answer early.
    fn is_instance_present(&mut self, reference: Value, from: RefType, heap: HeapType, done: Block) -> Value {
        let declared = structure::declared(heap);
        if let Some(ty) = declared
            && structure::is_function(self.env.module, from)
        {
            return self.is_function_of(reference, ty);
        }
        let kind = match heap {
            HeapType::Abstract { ty, .. } => Some(ty),
            HeapType::Concrete(_) | HeapType::Exact(_) => None,
        };
        if kind == Some(AbstractHeapType::I31) {
            let marks = self.iconst(POINTER, (IMMEDIATE | HOST_WORD).cast_signed());
            let marks = self.builder.ins().band(reference, marks);
            return self.builder.ins().icmp_imm_u(IntCC::Equal, marks, IMMEDIATE.cast_signed());
        }
        if may_be_immediate(from) {
            let mark = self.builder.ins().band_imm_u(reference, IMMEDIATE.cast_signed());
            // Of immediates, `eq` has the `i31`s.
            let immediate = match kind {
                Some(AbstractHeapType::Eq) => {
                    self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, reference, 0)
                }
                _ => self.iconst(types::I8, 0),
            };
            let object = self.create_block();
            self.builder.ins().brif(mark, done, &[immediate.into()], object, &[]);
            self.builder.seal_block(object);
            self.builder.switch_to_block(object);
        }
        let flags = self.trusted(Region::Header);
        let found = self.builder.ins().load(POINTER, flags, reference, 0);
        match (declared, kind) {
            (Some(ty), _) => self.is_record_of(found, ty, done),
            (None, Some(AbstractHeapType::Eq)) => self.is_kind(found, IntCC::NotEqual, KIND_HOST),
            (None, Some(AbstractHeapType::Struct)) => self.is_kind(found, IntCC::Equal, KIND_STRUCT),
            (None, Some(AbstractHeapType::Array)) => self.is_kind(found, IntCC::Equal, KIND_ARRAY),
            (None, other) => panic!("validated: {other:?} has values that {from:?} may or may not be"),
        }
    }

    fn is_kind(&mut self, record: Value, comparison: IntCC, kind: u32) -> Value {
        let flags = self.trusted(Region::TypeRecord);
        let offset = to_displacement(offset_of!(TypeRecord, kind));
        let found = self.builder.ins().load(types::I32, flags, record, offset);
        self.builder.ins().icmp_imm_u(comparison, found, i64::from(kind))
    }

    /// Whether an object whose record is `found` has a declared type.
    fn is_record_of(&mut self, found: Value, ty: TypeIndex, done: Block) -> Value {
        let module = self.env.module;
        let wanted = self.address_of(Symbol::TypeRecord(self.env.layout.record_of[ty]));
        if module.types[ty].is_final {
            return self.builder.ins().icmp(IntCC::Equal, found, wanted);
        }
        let flags = self.trusted(Region::TypeRecord);
        let depth = to_u32(module.supertypes(ty).skip(1).count());
        if depth >= DISPLAY {
            let offset = to_displacement(offset_of!(TypeRecord, depth));
            let found_depth = self.builder.ins().load(types::I32, flags, found, offset);
            let deep = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, found_depth, i64::from(depth));
            let (no, next) = (self.iconst(types::I8, 0), self.create_block());
            self.builder.ins().brif(deep, next, &[], done, &[no.into()]);
            self.builder.seal_block(next);
            self.builder.switch_to_block(next);
        }
        let slot = depth.checked_mul(8).and_then(|slot| slot.checked_add(TYPE_RECORD_SIZE));
        let slot = to_usize(slot.expect("validated: at most 63 supertypes").into());
        let shown = self.builder.ins().load(POINTER, flags, found, to_displacement(slot));
        self.builder.ins().icmp(IntCC::Equal, shown, wanted)
    }

    /// Whether a function has a declared type.
    fn is_function_of(&mut self, function: Value, ty: TypeIndex) -> Value {
        let found = self.signature_of(function);
        let wanted = self.address_of(Symbol::Signature(self.env.layout.signature_of[ty]));
        let same = self.builder.ins().icmp(IntCC::Equal, found, wanted);
        if self.env.module.types[ty].is_final {
            return same;
        }
        let (other, done) = (self.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(done, types::I8);
        self.builder.ins().brif(same, done, &[same.into()], other, &[]);
        self.builder.seal_block(other);
        self.builder.switch_to_block(other);
        let matches = self.signature_matches(found, wanted);
        let matches = self.builder.ins().ireduce(types::I8, matches);
        self.builder.ins().jump(done, &[matches.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        result
    }

    /// Whether a signature is another's subtype, an `i32`.
    pub fn signature_matches(&mut self, found: Value, wanted: Value) -> Value {
        self.call_builtin(Builtin::SignatureMatches, &[found, wanted]).expect("it has a result")
    }

    /// What [`Builtin::CastFailure`] is told of the wanted type.
    fn name_for_messages(&mut self, heap: HeapType) -> Value {
        match structure::declared(heap) {
            Some(ty) if self.env.layout.types[ty] != TypePlan::Function => {
                self.address_of(Symbol::TypeRecord(self.env.layout.record_of[ty]))
            }
            Some(_) => self.iconst(POINTER, abstract_number(AbstractHeapType::Func)),
            None => match heap {
                HeapType::Abstract { ty, .. } => self.iconst(POINTER, abstract_number(ty)),
                HeapType::Concrete(_) | HeapType::Exact(_) => panic!("it is declared"),
            },
        }
    }

    /// What is known of the reference that the operator at hand is about.
    fn subject_type(&self) -> RefType {
        match self.subject {
            Some(ValType::Ref(ty)) => ty,
            _ => panic!("validated: an operand that is a reference"),
        }
    }

    pub fn subject_may_be_null(&self) -> bool {
        !matches!(self.subject, Some(ValType::Ref(ty)) if !ty.is_nullable())
    }
}

/// The number of a type in [`ABSTRACT_TYPES`].
fn abstract_number(ty: AbstractHeapType) -> i64 {
    use AbstractHeapType::{Any, Array, Eq, Exn, Extern, Func, I31, Struct};
    let name = match ty {
        Any => "any",
        Eq => "eq",
        I31 => "i31",
        Struct => "struct",
        Array => "array",
        Func => "func",
        Extern => "extern",
        Exn => "exn",
        _ => "none",
    };
    let number = ABSTRACT_TYPES.iter().position(|known| *known == name).expect("the list has them all");
    to_u32(number).into()
}

/// Whether the only value of a type is null.
fn is_bottom(heap: HeapType) -> bool {
    use AbstractHeapType::{NoExn, NoExtern, NoFunc, None};
    matches!(heap, HeapType::Abstract { ty: None | NoFunc | NoExtern | NoExn, .. })
}

/// Whether values of a type can be other than objects.
fn may_be_immediate(ty: RefType) -> bool {
    use AbstractHeapType::{Any, Eq, I31};
    matches!(ty.heap_type(), HeapType::Abstract { ty: Any | Eq | I31, .. })
}
