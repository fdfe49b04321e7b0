//! Addresses in linear memories to host pointers, with their checks, and back.
//!
//! Null is 0 on both sides. The checks compare with the memory's size whatever its kind: C code
//! does not know of guards.

use super::translator::{Translator, trap_code};
use super::types::POINTER;
use crate::abi::builtin::Builtin;
use crate::abi::trap::Trap;
use crate::foreign::{Extent, Factor, Handle, Integer, Type};
use crate::layout::Symbol;
use crate::wasm::MemoryIndex;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types};

impl Translator<'_> {
    /// The host pointer to an address, from which `extent` must be inside of the memory.
    /// `params` and `values`: the call's fixed arguments as C gets them, which lengths refer to.
    pub fn host_pointer(
        &mut self,
        memory: MemoryIndex,
        extent: &Extent,
        address: Value,
        params: &[Type],
        values: &[Option<Value>],
    ) -> Value {
        if *extent == Extent::Anywhere {
            return self.host_pointer_anywhere(memory, address);
        }
        let address = self.widen(address);
        if *extent == Extent::String {
            let descriptor = self.address_of(Symbol::Memory(memory));
            return self.call_builtin(Builtin::CString, &[descriptor, address]).expect("it has a result");
        }
        let bytes = self.memory_bytes(memory);
        let outside = match extent {
            Extent::Bytes { factors, size } => {
                let length = self.length(factors, *size, params, values);
                // Without an overflow: either the address is beyond the end, or what is left is too
                // little.
                let left = self.builder.ins().isub(bytes, address);
                let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, address, bytes);
                let short = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, length, left);
                self.builder.ins().bor(beyond, short)
            }
            Extent::Byte | Extent::Anywhere | Extent::String => {
                self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, address, bytes)
            }
        };
        let is_null = self.builder.ins().icmp_imm_u(IntCC::Equal, address, 0);
        let zero = self.iconst(types::I8, 0);
        let wrong = self.builder.ins().select(is_null, zero, outside);
        self.builder.ins().trapnz(wrong, trap_code(Trap::MemoryOutOfBounds));
        let pointer = self.memory_address(memory, address);
        let pointer = self.guard(wrong, pointer);
        self.builder.ins().select(is_null, address, pointer)
    }

    /// The host pointer to an address, or the one that a handle, negated, stands for. Negated, null
    /// stays null.
    fn host_pointer_anywhere(&mut self, memory: MemoryIndex, value: Value) -> Value {
        let address = self.widen(value);
        let bytes = self.memory_bytes(memory);
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, address, bytes);
        let is_null = self.builder.ins().icmp_imm_u(IntCC::Equal, address, 0);
        let is_outside = self.builder.ins().bor(beyond, is_null);
        let inside = self.memory_address(memory, address);
        let inside = self.guard(is_outside, inside);
        let handle = self.builder.ins().ineg(value);
        let handle = self.widen(handle);
        self.unless_outside(is_outside, inside, POINTER, |it| it.handle_pointer(&Handle::default(), handle))
    }

    /// `inside`, or what is made where the pointer lies outside of the memory.
    fn unless_outside(
        &mut self,
        is_outside: Value,
        inside: Value,
        ty: ir::Type,
        outside: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let (elsewhere, done) = (self.builder.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(done, ty);
        self.builder.ins().brif(is_outside, elsewhere, &[], done, &[inside.into()]);
        self.builder.seal_block(elsewhere);
        self.builder.switch_to_block(elsewhere);
        let other = outside(self);
        self.builder.ins().jump(done, &[other.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        result
    }

    /// The product of arguments and a constant, as an unsigned number; traps where that is no
    /// number of 64 bits.
    fn length(&mut self, factors: &[Factor], size: u64, params: &[Type], values: &[Option<Value>]) -> Value {
        let mut product: Option<Value> = None;
        for factor in factors {
            let value = values[factor.param as usize].expect("lengths are converted before what they are lengths of");
            let value = match params[factor.param as usize] {
                Type::Integer(integer) => self.extend(integer, value, types::I64),
                _ => self.number_at(value),
            };
            product = Some(product.map_or(value, |product| self.multiply(product, value)));
        }
        match (product, size) {
            (Some(product), 1) => product,
            (product, _) => {
                let size = self.iconst(types::I64, size.cast_signed());
                product.map_or(size, |product| self.multiply(product, size))
            }
        }
    }

    /// The `u32` that a checked pointer points to, 0 for null.
    fn number_at(&mut self, pointer: Value) -> Value {
        let slot = self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 4, 2));
        let nothing = self.builder.ins().stack_addr(POINTER, slot, 0);
        let zero = self.iconst(types::I32, 0);
        self.builder.ins().store(MemFlagsData::trusted(), zero, nothing, 0);
        let is_null = self.builder.ins().icmp_imm_u(IntCC::Equal, pointer, 0);
        let place = self.builder.ins().select(is_null, nothing, pointer);
        // C reads and writes it in the machine's byte order.
        let number = self.builder.ins().load(types::I32, MemFlagsData::new().with_notrap(), place, 0);
        self.widen(number)
    }

    fn multiply(&mut self, a: Value, b: Value) -> Value {
        let high = self.builder.ins().umulhi(a, b);
        self.builder.ins().trapnz(high, trap_code(Trap::MemoryOutOfBounds));
        self.builder.ins().imul(a, b)
    }

    /// The address of what a host pointer points to, as a value of Wasm type `ty`. As in C, it may
    /// be the end of the memory.
    pub fn wasm_address(&mut self, memory: MemoryIndex, extent: &Extent, pointer: Value, ty: ir::Type) -> Value {
        let base = self.memory_base(memory);
        let mut end = self.memory_bytes(memory);
        if ty == types::I32 {
            // The end of 4 GiB is not an address.
            let largest = self.iconst(types::I64, u32::MAX.into());
            end = self.builder.ins().umin(end, largest);
        }
        let address = self.builder.ins().isub(pointer, base);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, address, end);
        if *extent == Extent::Anywhere {
            let inside = self.narrow(address, ty);
            return self.unless_outside(outside, inside, ty, |it| {
                let handle = it.handle_number(&Handle::default(), pointer);
                let handle = it.narrow(handle, ty);
                it.builder.ins().ineg(handle)
            });
        }
        let is_null = self.builder.ins().icmp_imm_u(IntCC::Equal, pointer, 0);
        let zero = self.iconst(types::I8, 0);
        let wrong = self.builder.ins().select(is_null, zero, outside);
        self.builder.ins().trapnz(wrong, trap_code(Trap::HostAddress));
        let address = self.builder.ins().select(is_null, pointer, address);
        self.narrow(address, ty)
    }

    /// An integer of Wasm as C wants it.
    pub fn integer_to_c(&mut self, integer: Integer, value: Value) -> Value {
        let to = ir::Type::int(integer.bits.into()).expect("integers have 8, 16, 32 or 64 bits");
        self.fit(integer, value, to)
    }

    /// An integer with fewer or more bits.
    pub fn fit(&mut self, integer: Integer, value: Value, to: ir::Type) -> Value {
        match self.type_of(value).bits() > to.bits() {
            true => self.builder.ins().ireduce(to, value),
            false => self.extend(integer, value, to),
        }
    }
}
