//! Loads, stores, size and growth of linear memories, and globals.
//!
//! An access to a 32-bit memory carries no compare: more address space is reserved for it than an
//! index and an offset can reach, and what is not committed faults. Other memories compare, and so
//! do all with `--memory-checks`, see [`Bounds`]. The comparison takes the index alone where it
//! can, so that Cranelift merges those of neighbouring accesses.

use super::symbols::Region;
use super::translator::Translator;
use super::types::{POINTER, value_type};
use crate::abi::builtin::Builtin;
use crate::abi::memory::Memory;
use crate::abi::trap::Trap;
use crate::layout::{Bounds, GlobalPlan, Symbol};
use crate::number::to_displacement;
use crate::wasm::constant::{Constant, i31_word};
use crate::wasm::{GlobalIndex, MemoryIndex};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Type, Value, types};
use std::mem::offset_of;
use wasmparser::{MemArg, MemArgTarget};

/// Bytes of a `v128`.
const VECTOR_BYTES: u64 = 16;

/// Where an access goes: address, offset, flags.
pub struct MemoryOperand {
    pub address: Value,
    pub offset: i32,
    pub flags: MemFlagsData,
}

impl Translator<'_> {
    /// Pops an index, pushes what `opcode` loads there.
    pub fn load(&mut self, opcode: Opcode, ty: Type, memarg: &MemArg) {
        let value = self.load_value(opcode, ty, memarg);
        self.push(value);
    }

    pub fn load_value(&mut self, opcode: Opcode, ty: Type, memarg: &MemArg) -> Value {
        let index = self.pop();
        let MemoryOperand { address, offset, flags } = self.place(index, memarg, access_size(opcode, ty));
        let flags = self.builder.func.dfg.mem_flags.insert_unchecked(flags);
        let (load, dfg) = self.builder.ins().Load(opcode, ty, flags, offset.into(), address);
        dfg.first_result(load)
    }

    /// Pops a value and an index.
    pub fn store(&mut self, opcode: Opcode, memarg: &MemArg) {
        let value = self.pop();
        self.store_value(opcode, value, memarg);
    }

    /// Pops an index.
    pub fn store_value(&mut self, opcode: Opcode, value: Value, memarg: &MemArg) {
        let index = self.pop();
        let ty = self.type_of(value);
        let size = access_size(opcode, ty);
        let place = self.place(index, memarg, size);
        let bounds = self.env.layout.memories[memory_of(memarg)].bounds;
        if size == VECTOR_BYTES && bounds != Bounds::Exact && self.env.machine.may_tear_vectors {
            self.touch_last(&place, size);
        }
        let MemoryOperand { address, offset, flags } = place;
        let flags = self.builder.func.dfg.mem_flags.insert_unchecked(flags);
        self.builder.ins().Store(opcode, ty, flags, offset.into(), value, address);
    }

    /// Reads the last of `size` bytes, so that a store that ends beyond the memory traps before a
    /// part of it is written. The result is of no use; that it can trap keeps the load.
    fn touch_last(&mut self, place: &MemoryOperand, size: u64) {
        let last = size.saturating_sub(1).cast_signed();
        let sum = i32::try_from(i64::from(place.offset).saturating_add(last));
        let (address, offset) = match sum {
            Ok(offset) => (place.address, offset),
            Err(_) => (self.builder.ins().iadd_imm_s(place.address, last), place.offset),
        };
        self.builder.ins().load(types::I8, place.flags, address, offset);
    }

    /// Where `size` bytes are accessed, after the checks that the memory needs.
    pub fn place(&mut self, index: Value, memarg: &MemArg, size: u64) -> MemoryOperand {
        let memory = memory_of(memarg);
        let (mut index, mut offset) = (index, memarg.offset);
        let plan = self.env.layout.memories[memory];
        let outside = plan.compared(offset, size).map(|added| {
            let compared = match added {
                0 => self.widen(index),
                _ => self.add_offset(index, added),
            };
            if plan.bounds == Bounds::Checked {
                (index, offset) = (compared, offset.saturating_sub(added));
            }
            let bytes = self.memory_bytes(memory);
            self.trap_if_above(compared, bytes, Trap::MemoryOutOfBounds)
        });
        let mut address = self.memory_address(memory, index);
        if let Some(outside) = outside {
            address = self.guard(outside, address);
        }
        let offset = i32::try_from(offset).unwrap_or_else(|_| {
            // Too large for an instruction, and part of the address that must not wrap at 32 bits.
            let offset = self.iconst(POINTER, offset.cast_signed());
            address = self.builder.ins().iadd(address, offset);
            0
        });
        MemoryOperand { address, offset, flags: self.checked(memory) }
    }

    /// A 64-bit index and a constant; traps where the sum does not fit.
    pub fn add_offset(&mut self, index: Value, offset: u64) -> Value {
        let offset = self.iconst(types::I64, offset.cast_signed());
        self.add_or_trap(index, offset, Trap::MemoryOutOfBounds)
    }

    /// The native address of a byte, existing or not.
    pub fn memory_address(&mut self, memory: MemoryIndex, index: Value) -> Value {
        let base = self.memory_base(memory);
        let index = self.widen(index);
        self.builder.ins().iadd(base, index)
    }

    /// Size of a memory in bytes, as an `i64`.
    pub fn memory_bytes(&mut self, memory: MemoryIndex) -> Value {
        let plan = self.env.layout.memories[memory];
        if plan.fixed {
            return self.iconst(types::I64, plan.bytes.cast_signed());
        }
        let descriptor = self.address_of(Symbol::Memory(memory));
        let flags = self.trusted(Region::Descriptor);
        self.builder.ins().load(types::I64, flags, descriptor, to_displacement(offset_of!(Memory, bytes)))
    }

    pub fn memory_size(&mut self, memory: MemoryIndex) {
        let bytes = self.memory_bytes(memory);
        let plan = self.env.layout.memories[memory];
        let pages = self.builder.ins().ushr_imm_u(bytes, i64::from(plan.page_size.trailing_zeros()));
        let pages = self.narrow(pages, plan.index);
        self.push(pages);
    }

    pub fn memory_grow(&mut self, memory: MemoryIndex) {
        let pages = self.pop();
        let pages = self.widen(pages);
        let descriptor = self.address_of(Symbol::Memory(memory));
        let previous = self.call_builtin(Builtin::MemoryGrow, &[descriptor, pages]).expect("it has a result");
        let previous = self.narrow(previous, self.env.layout.memories[memory].index);
        self.push(previous);
    }

    pub fn global_get(&mut self, global: GlobalIndex) {
        let value = self.global_value(global);
        self.push_typed(value, self.env.module.globals[global].ty.content_type);
    }

    pub fn global_value(&mut self, global: GlobalIndex) -> Value {
        if let GlobalPlan::Constant(constant) = self.env.layout.globals[global] {
            return self.constant(constant);
        }
        let ty = self.env.module.globals[global].ty;
        let address = self.address_of(Symbol::Global(global));
        let mut flags = self.trusted(Region::Global(global));
        if !ty.mutable && !matches!(self.env.layout.globals[global], GlobalPlan::Computed) {
            flags = flags.with_readonly().with_can_move();
        }
        self.builder.ins().load(value_type(ty.content_type), flags, address, 0)
    }

    pub fn global_set(&mut self, global: GlobalIndex) {
        let value = self.pop();
        let value = self.canonical(value);
        self.set_global(global, value);
    }

    pub fn set_global(&mut self, global: GlobalIndex, value: Value) {
        let address = self.address_of(Symbol::Global(global));
        let flags: MemFlagsData = self.trusted(Region::Global(global));
        self.builder.ins().store(flags, value, address, 0);
    }

    pub fn constant(&mut self, constant: Constant) -> Value {
        match constant {
            Constant::I32(value) => self.iconst(types::I32, i64::from(value)),
            Constant::I64(value) => self.iconst(types::I64, value),
            Constant::F32(bits) => self.builder.ins().f32const(f32::from_bits(bits)),
            Constant::F64(bits) => self.builder.ins().f64const(f64::from_bits(bits)),
            Constant::V128(bits) => self.vector_constant(types::I8X16, bits.to_le_bytes()),
            Constant::RefNull => self.iconst(POINTER, 0),
            Constant::RefFunc(func) => self.address_of(Symbol::Function(func)),
            Constant::I31(bits) => self.iconst(POINTER, i31_word(bits).cast_signed()),
        }
    }
}

pub fn memory_of(memarg: &MemArg) -> MemoryIndex {
    let MemArgTarget::Memory(memory) = memarg.target else { panic!("accesses to arrays are refused before") };
    MemoryIndex::from_u32(memory)
}

/// Bytes that an instruction loads or stores, for a value of type `ty` in the function.
fn access_size(opcode: Opcode, ty: Type) -> u64 {
    match opcode {
        Opcode::Sload8 | Opcode::Uload8 | Opcode::Istore8 => 1,
        Opcode::Sload16 | Opcode::Uload16 | Opcode::Istore16 => 2,
        Opcode::Sload32 | Opcode::Uload32 | Opcode::Istore32 => 4,
        Opcode::Load | Opcode::Store => u64::from(ty.bytes()),
        // Of vectors, half of one.
        _ => 8,
    }
}
