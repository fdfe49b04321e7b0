//! Loads, stores, size and growth of linear memories, and globals.
//!
//! An access carries no compare: behind the base of every memory more address space is reserved than a 32-bit index and a
//! 32-bit offset
//! can reach, and what is not committed faults.

use super::signature::{POINTER, value_type};
use super::symbols::Region;
use super::translator::Translator;
use crate::abi::{Builtin, Memory, WASM_PAGE};
use crate::layout::{GlobalPlan, Symbol};
use crate::wasm::constant::Constant;
use crate::wasm::{GlobalIndex, MemoryIndex};
use cranelift_codegen::ir::{InstBuilder, MemFlags, MemFlagsData, Opcode, Type, Value, types};
use std::mem::offset_of;
use wasmparser::{MemArg, MemArgTarget};

/// Where an access goes: address, offset, flags.
struct Place {
    address: Value,
    offset: i32,
    flags: MemFlags,
}

impl Translator<'_> {
    /// Pops an index, pushes what `opcode` loads there.
    pub fn load(&mut self, opcode: Opcode, ty: Type, memarg: &MemArg) {
        let value = self.load_value(opcode, ty, memarg);
        self.push(value);
    }

    pub fn load_value(&mut self, opcode: Opcode, ty: Type, memarg: &MemArg) -> Value {
        let index = self.pop();
        let Place { address, offset, flags } = self.place(index, memarg);
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
        let Place { address, offset, flags } = self.place(index, memarg);
        let ty = self.type_of(value);
        self.builder.ins().Store(opcode, ty, flags, offset.into(), value, address);
    }

    fn place(&mut self, index: Value, memarg: &MemArg) -> Place {
        let MemArgTarget::Memory(memory) = memarg.target else { panic!("accesses to arrays are refused before") };
        let memory = MemoryIndex::from_u32(memory);
        let mut address = self.memory_address(memory, index);
        let offset = i32::try_from(memarg.offset).unwrap_or_else(|_| {
            // Too large for an instruction, and part of the address that must not wrap at 32 bits.
            let offset = self.iconst(POINTER, memarg.offset as i64);
            address = self.builder.ins().iadd(address, offset);
            0
        });
        let flags = self.checked(memory);
        Place { address, offset, flags: self.builder.func.dfg.mem_flags.insert_unchecked(flags) }
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
            return self.iconst(types::I64, plan.bytes as i64);
        }
        let descriptor = self.address_of(Symbol::Memory(memory));
        let flags = self.trusted(Region::Descriptor);
        self.builder.ins().load(types::I64, flags, descriptor, offset_of!(Memory, bytes) as i32)
    }

    pub fn memory_size(&mut self, memory: MemoryIndex) {
        let bytes = self.memory_bytes(memory);
        let pages = self.builder.ins().ushr_imm_u(bytes, i64::from(WASM_PAGE.trailing_zeros()));
        let pages = self.builder.ins().ireduce(types::I32, pages);
        self.push(pages);
    }

    pub fn memory_grow(&mut self, memory: MemoryIndex) {
        let pages = self.pop();
        let pages = self.widen(pages);
        let descriptor = self.address_of(Symbol::Memory(memory));
        let previous = self.call_builtin(Builtin::MemoryGrow, &[descriptor, pages]).expect("it has a result");
        let previous = self.builder.ins().ireduce(types::I32, previous);
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
        }
    }
}
