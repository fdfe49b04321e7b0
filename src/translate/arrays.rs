//! Arrays. All bounds are checked, in 64 bits where a sum is formed, before the first element is
//! written.

use super::bulk::Range;
use super::structs::{Extension, Place, unpacked};
use super::symbols::Region;
use super::translator::{Translator, trap_code};
use super::types::POINTER;
use crate::abi::builtin::Builtin;
use crate::abi::object::ARRAY_LENGTH;
use crate::abi::table::FUNC_ENTRY_SIZE;
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::layout::objects::{ArrayPlan, TypePlan};
use crate::number::to_u32;
use crate::wasm::{DataIndex, ElementIndex, TypeIndex, structure};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::{StorageType, ValType};

const NULL: Trap = Trap::NullArrayReference;
const LENGTH: StorageType = StorageType::Val(ValType::I32);

impl Translator<'_> {
    pub fn array_new(&mut self, ty: TypeIndex) {
        let (value, length) = self.pop2();
        let value = self.canonical(value);
        let array = self.new_array(ty, length);
        let all = self.all_elements(ty, array, length);
        self.fill_elements(ty, all, value);
        self.push_object(array, ty);
    }

    pub fn array_new_default(&mut self, ty: TypeIndex) {
        let length = self.pop();
        let array = self.new_array(ty, length);
        let all = self.all_elements(ty, array, length);
        let zero = self.iconst(types::I32, 0);
        self.call_builtin(Builtin::Memset, &[all.start, zero, all.bytes]);
        self.push_object(array, ty);
    }

    pub fn array_new_fixed(&mut self, ty: TypeIndex, n: u32) {
        let ArrayPlan { element, first, size } = self.array_plan(ty);
        let start = self.canonicalise(n as usize);
        let values = self.scratch.stack.split_off(start);
        let bytes = n.checked_mul(size).and_then(|bytes| bytes.checked_add(first));
        let bytes = bytes.and_then(|bytes| bytes.checked_next_multiple_of(8));
        let bytes = bytes.expect("validated: at most 10,000 elements");
        let array = self.allocate(bytes, Symbol::TypeRecord(self.env.layout.record_of[ty]));
        let length = self.iconst(types::I32, n.into());
        self.write(length_of(array, None), length);
        for (i, value) in values.into_iter().enumerate() {
            let offset = to_u32(i).checked_mul(size).and_then(|offset| offset.checked_add(first));
            let offset = offset.expect("it lies in the array");
            let place = Place { object: array, offset, storage: element, region: Region::Elements, null: None };
            self.write(place, value);
        }
        self.push_object(array, ty);
    }

    pub fn array_new_data(&mut self, ty: TypeIndex, data: DataIndex) {
        let (from, n) = self.pop2();
        let bytes = self.elements_to_bytes(ty, n);
        let source = self.data_range(data, from, bytes);
        let array = self.new_array(ty, n);
        let all = self.all_elements(ty, array, n);
        self.call_builtin(Builtin::Memcpy, &[all.start, source, bytes]);
        self.push_object(array, ty);
    }

    pub fn array_new_elem(&mut self, ty: TypeIndex, element: ElementIndex) {
        let (from, n) = self.pop2();
        let source = self.element_range(element, from, n);
        let array = self.new_array(ty, n);
        let all = self.all_elements(ty, array, n);
        self.copy_entries(element, all, source);
        self.push_object(array, ty);
    }

    pub fn array_get(&mut self, ty: TypeIndex, extension: Extension) {
        let (array, index) = self.pop2();
        let place = self.element(ty, array, index);
        let value = self.read(place, extension);
        match place.storage {
            StorageType::Val(ty) => self.push_typed(value, ty),
            StorageType::I8 | StorageType::I16 => self.push(value),
        }
    }

    pub fn array_set(&mut self, ty: TypeIndex) {
        let (array, index, value) = self.pop3();
        let value = self.canonical(value);
        let place = self.element(ty, array, index);
        self.write(place, value);
    }

    pub fn array_len(&mut self) {
        let array = self.pop();
        let length = self.array_length(array, self.subject_may_be_null());
        self.push(length);
    }

    pub fn array_fill(&mut self, ty: TypeIndex) {
        let n = self.pop();
        let (array, first, value) = self.pop3();
        let value = self.canonical(value);
        let range = self.elements(ty, array, first, n, self.subject_may_be_null());
        self.fill_elements(ty, range, value);
    }

    pub fn array_copy(&mut self, destination: TypeIndex, source: TypeIndex) {
        let n = self.pop();
        let (from_array, from) = self.pop2();
        let (to_array, to) = self.pop2();
        // Both are tested before the bounds of either. The type of the source is not kept.
        let may_be_null = self.subject_may_be_null();
        let to_length = self.array_length(to_array, may_be_null);
        let from_length = self.array_length(from_array, true);
        let to = self.range_below(destination, to_array, to, n, to_length);
        let from = self.range_below(source, from_array, from, n, from_length);
        self.call_builtin(Builtin::Memmove, &[to.start, from.start, to.bytes]);
    }

    pub fn array_init_data(&mut self, ty: TypeIndex, data: DataIndex) {
        let n = self.pop();
        let (array, to, from) = self.pop3();
        let range = self.elements(ty, array, to, n, self.subject_may_be_null());
        let source = self.data_range(data, from, range.bytes);
        self.call_builtin(Builtin::Memcpy, &[range.start, source, range.bytes]);
    }

    pub fn array_init_elem(&mut self, ty: TypeIndex, element: ElementIndex) {
        let n = self.pop();
        let (array, to, from) = self.pop3();
        let range = self.elements(ty, array, to, n, self.subject_may_be_null());
        let source = self.element_range(element, from, n);
        self.copy_entries(element, range, source);
    }

    fn array_plan(&self, ty: TypeIndex) -> ArrayPlan {
        match &self.env.layout.types[ty] {
            TypePlan::Array(plan) => *plan,
            other => panic!("validated: {other:?} is an array"),
        }
    }

    /// An array of a length, without its elements.
    fn new_array(&mut self, ty: TypeIndex, length: Value) -> Value {
        let first = self.array_plan(ty).first;
        let bytes = self.elements_to_bytes(ty, length);
        // No more than 2^36, so nothing wraps.
        let bytes = self.builder.ins().iadd_imm_u(bytes, i64::from(first).strict_add(7));
        let bytes = self.builder.ins().band_imm_s(bytes, -8);
        let array = self.allocate_bytes(bytes, Symbol::TypeRecord(self.env.layout.record_of[ty]));
        self.write(length_of(array, None), length);
        array
    }

    /// Bytes of `n` elements, as an `i64`.
    fn elements_to_bytes(&mut self, ty: TypeIndex, n: Value) -> Value {
        let shift = self.array_plan(ty).size.trailing_zeros();
        let n = self.widen(n);
        self.builder.ins().ishl_imm_u(n, i64::from(shift))
    }

    fn array_length(&mut self, array: Value, may_be_null: bool) -> Value {
        self.read(length_of(array, may_be_null.then_some(NULL)), Extension::Unsigned)
    }

    fn all_elements(&mut self, ty: TypeIndex, array: Value, length: Value) -> Range {
        let first = self.array_plan(ty).first;
        let start = self.builder.ins().iadd_imm_u(array, i64::from(first));
        Range { start, bytes: self.elements_to_bytes(ty, length) }
    }

    /// An element, after the checks for null and bounds.
    fn element(&mut self, ty: TypeIndex, array: Value, index: Value) -> Place {
        let ArrayPlan { element, first, .. } = self.array_plan(ty);
        let length = self.array_length(array, self.subject_may_be_null());
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.builder.ins().trapnz(outside, trap_code(Trap::ArrayOutOfBounds));
        let bytes = self.elements_to_bytes(ty, index);
        let address = self.builder.ins().iadd(array, bytes);
        let object = self.guard(outside, address);
        Place { object, offset: first, storage: element, region: Region::Elements, null: None }
    }

    /// `n` elements from `first`, after the checks for null and bounds.
    fn elements(&mut self, ty: TypeIndex, array: Value, first: Value, n: Value, may_be_null: bool) -> Range {
        let length = self.array_length(array, may_be_null);
        self.range_below(ty, array, first, n, length)
    }

    fn range_below(&mut self, ty: TypeIndex, array: Value, first: Value, n: Value, length: Value) -> Range {
        let end = self.add_or_trap(first, n, Trap::ArrayOutOfBounds);
        let length = self.widen(length);
        let outside = self.trap_if_above(end, length, Trap::ArrayOutOfBounds);
        let offset = self.elements_to_bytes(ty, first);
        let start = self.builder.ins().iadd(array, offset);
        let first = self.array_plan(ty).first;
        let start = self.builder.ins().iadd_imm_u(start, i64::from(first));
        Range { start: self.guard(outside, start), bytes: self.elements_to_bytes(ty, n) }
    }

    /// Writes a value to all elements of a range.
    fn fill_elements(&mut self, ty: TypeIndex, range: Range, value: Value) {
        let ArrayPlan { element, size, .. } = self.array_plan(ty);
        debug_assert_eq!(self.type_of(value), unpacked(element));
        let end = self.builder.ins().iadd(range.start, range.bytes);
        self.each(range.start, end, size.into(), |it, object| {
            it.write(Place { object, offset: 0, storage: element, region: Region::Elements, null: None }, value);
        });
    }

    /// The address of `bytes` of a data segment from `from`.
    fn data_range(&mut self, data: DataIndex, from: Value, bytes: Value) -> Value {
        let (segment, plan) = (Symbol::Data(data), self.env.layout.data[data]);
        self.check_segment(segment, plan, from, bytes, Trap::MemoryOutOfBounds);
        self.segment_place(segment, plan, from, 0)
    }

    /// The address of `n` entries of an element segment from `from`.
    fn element_range(&mut self, element: ElementIndex, from: Value, n: Value) -> Value {
        let (segment, plan) = (Symbol::Element(element), self.env.layout.elements[element]);
        self.check_segment(segment, plan, from, n, Trap::TableOutOfBounds);
        let shift = self.entry_size(element).trailing_zeros();
        self.segment_place(segment, plan, from, shift)
    }

    fn entry_size(&self, element: ElementIndex) -> u64 {
        match structure::is_function(self.env.module, self.env.module.elements[element].ty) {
            true => FUNC_ENTRY_SIZE,
            false => crate::abi::table::REF_ENTRY_SIZE,
        }
    }

    /// Copies references of a segment to elements. Entries of functions have a second word, which
    /// arrays don't keep.
    fn copy_entries(&mut self, element: ElementIndex, to: Range, from: Value) {
        if self.entry_size(element) != FUNC_ENTRY_SIZE {
            self.call_builtin(Builtin::Memcpy, &[to.start, from, to.bytes]);
            return;
        }
        let end = self.builder.ins().iadd(to.start, to.bytes);
        self.each(to.start, end, 8, |it, place| {
            let distance = it.builder.ins().isub(place, to.start);
            let distance = it.builder.ins().ishl_imm_u(distance, 1);
            let entry = it.builder.ins().iadd(from, distance);
            let code = it.builder.ins().load(POINTER, MemFlagsData::trusted(), entry, 0);
            let flags = it.trusted(Region::Elements);
            it.builder.ins().store(flags, code, place, 0);
        });
    }
}

fn length_of(array: Value, null: Option<Trap>) -> Place {
    Place { object: array, offset: ARRAY_LENGTH, storage: LENGTH, region: Region::Length, null }
}
