//! Memory for objects: see [`crate::abi::object`].
//!
//! Code takes the next free cell of a run, and calls the runtime where that has none left. Operands
//! are there before, and all of an object is written before anything else can allocate, so the
//! collector never sees half an object. What it needs to know of frames it finds by itself: objects
//! do not move.

use super::symbols::Region;
use super::translator::Translator;
use super::types::POINTER;
use crate::abi::builtin::Builtin;
use crate::abi::object::{Heap, LARGEST_IN_RUNS, Run, cell_size};
use crate::layout::Symbol;
use crate::number::to_displacement;
use crate::wasm::TypeIndex;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use std::mem::offset_of;
use wasmparser::{HeapType, RefType, UnpackedIndex, ValType};

/// Objects of a size that only the running program knows are taken from runs up to this many bytes:
/// their cells have no other size than they.
const LARGEST_EXACT: u32 = 128;

impl Translator<'_> {
    /// An object of a known size, with the address of its type or tag in its header.
    pub fn allocate(&mut self, size: u32, record: Symbol) -> Value {
        let object = match size {
            0..=LARGEST_IN_RUNS if !self.runs_once => {
                let size = size.next_multiple_of(8);
                let heap = self.address_of(Symbol::Heap);
                let place = size.checked_div(8).map(u64::from).and_then(|index| index.checked_mul(RUN_SIZE));
                let place = place.and_then(|place| place.checked_add(offset_of!(Heap, runs) as u64));
                let place = place.expect("there are few runs");
                let run = self.builder.ins().iadd_imm_u(heap, place.cast_signed());
                let cell = self.iconst(types::I64, cell_size(size).into());
                let bytes = self.iconst(types::I64, size.into());
                self.take_cell(run, cell, bytes)
            }
            _ => {
                let bytes = self.iconst(types::I64, size.into());
                self.allocate_in_runtime(bytes)
            }
        };
        self.write_header(object, record);
        object
    }

    /// An object of `bytes`, an `i64` that is a multiple of 8.
    pub fn allocate_bytes(&mut self, bytes: Value, record: Symbol) -> Value {
        let (small, large, done) = (self.create_block(), self.create_block(), self.builder.create_block());
        let object = self.builder.append_block_param(done, POINTER);
        let is_small = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, bytes, i64::from(LARGEST_EXACT));
        self.builder.ins().brif(is_small, small, &[], large, &[]);
        self.builder.seal_block(small);
        self.builder.seal_block(large);
        self.builder.switch_to_block(small);
        let heap = self.address_of(Symbol::Heap);
        // A run has two words, and there is one for each word of an object.
        let place = self.builder.ins().ishl_imm_u(bytes, 1);
        let run = self.builder.ins().iadd(heap, place);
        let cell = self.take_cell(run, bytes, bytes);
        self.builder.ins().jump(done, &[cell.into()]);
        self.builder.switch_to_block(large);
        let cell = self.allocate_in_runtime(bytes);
        self.builder.ins().jump(done, &[cell.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        self.write_header(object, record);
        object
    }

    /// Pushes a new object of a declared type.
    pub fn push_object(&mut self, object: Value, ty: TypeIndex) {
        let heap = HeapType::Concrete(UnpackedIndex::Module(ty.as_u32()));
        let reference = RefType::new(false, heap).expect("validated: a type index");
        self.push_typed(object, ValType::Ref(reference));
    }

    /// The first cell of a run, which has `cell` bytes; if there is none, one of the runtime's for
    /// `bytes`.
    fn take_cell(&mut self, run: Value, cell: Value, bytes: Value) -> Value {
        let flags = self.trusted(Region::Heap);
        let next = self.builder.ins().load(POINTER, flags, run, to_displacement(offset_of!(Run, next)));
        let end = self.builder.ins().load(POINTER, flags, run, to_displacement(offset_of!(Run, end)));
        let following = self.builder.ins().iadd(next, cell);
        let is_over = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, following, end);
        let (taken, empty) = (self.create_block(), self.create_block_that(true));
        let done = self.builder.create_block();
        let object = self.builder.append_block_param(done, POINTER);
        self.builder.ins().brif(is_over, empty, &[], taken, &[]);
        self.builder.seal_block(empty);
        self.builder.seal_block(taken);
        self.builder.switch_to_block(empty);
        let fresh = self.allocate_in_runtime(bytes);
        self.builder.ins().jump(done, &[fresh.into()]);
        self.builder.switch_to_block(taken);
        self.builder.ins().store(flags, following, run, to_displacement(offset_of!(Run, next)));
        self.builder.ins().jump(done, &[next.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        object
    }

    pub fn allocate_in_runtime(&mut self, bytes: Value) -> Value {
        let heap = self.address_of(Symbol::Heap);
        self.call_builtin(Builtin::Allocate, &[heap, bytes]).expect("it has a result")
    }

    pub fn write_header(&mut self, object: Value, record: Symbol) {
        let record = self.address_of(record);
        let flags = self.trusted(Region::Header);
        self.builder.ins().store(flags, record, object, 0);
    }
}

const RUN_SIZE: u64 = size_of::<Run>() as u64;
const _: () = assert!(RUN_SIZE == 16 && offset_of!(Heap, runs) == 0, "see `allocate_bytes`");
