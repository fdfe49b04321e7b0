//! Calls of declared C functions: every value to what C takes, the call, the result back. What the
//! types mean stands in [`crate::foreign`].

use super::symbols::Region;
use super::translator::{Translator, little_endian, trap_code};
use super::types::{POINTER, value_type};
use super::variadic::CCall;
use crate::abi::builtin::Builtin;
use crate::abi::foreign::{FORMAT_SCANF, FORMAT_WIDE, FormattedCall};
use crate::abi::table::FuncEntry;
use crate::abi::trap::Trap;
use crate::foreign::{
    CallbackIndex, Extent, ForeignFunction, FormatKind, FormatString, Handle, Type, VaBuffer, VaSlot, Variadic,
};
use crate::layout::Symbol;
use crate::number::{to_displacement, to_u32};
use crate::wasm::{FuncIndex, TableIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, AbiParam, BlockArg, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types,
};
use std::mem::offset_of;
use wasmparser::ValType;

impl Translator<'_> {
    /// Calls an imported function as its declaration says.
    pub fn call_declared(&mut self, func: FuncIndex, declared: &ForeignFunction, args: &[Value]) -> Vec<Value> {
        let params = &declared.params;
        let (fixed, more) = args.split_at(params.len());
        let fixed = self.values_to_c(params, fixed);
        let returned = match &declared.variadic {
            Variadic::Formatted(format, layout) => {
                self.call_formatted(func, declared, &fixed, *format, *layout, more[0])
            }
            Variadic::None => {
                let call = self.c_call(params, &fixed);
                self.finish_c_call(Symbol::Import(func), declared, call)
            }
            Variadic::Listed(types) => {
                let values = types.iter().zip(more).map(|(ty, value)| self.convert_to_c(ty, *value, params, &fixed));
                let values: Vec<_> = values.collect();
                self.call_variadic(func, declared, &fixed, &types.iter().collect::<Vec<_>>(), &values)
            }
            Variadic::Buffer(slots, layout) => {
                let values = self.read_buffer(slots, *layout, more[0]);
                let types: Vec<_> = slots.iter().map(|slot| &slot.ty).collect();
                let values: Vec<_> =
                    types.iter().zip(values).map(|(ty, value)| self.convert_to_c(ty, value, params, &fixed)).collect();
                self.call_variadic(func, declared, &fixed, &types, &values)
            }
        };
        let results = self.env.module.function_type(func).results();
        match (&declared.result, returned) {
            (Some(ty), Some(value)) => vec![self.convert_to_wasm(ty, value, value_type(results[0]))],
            _ => Vec::new(),
        }
    }

    /// The fixed arguments as C takes them. Lengths come before what they are lengths of: integers,
    /// then pointers to such.
    fn values_to_c(&mut self, params: &[Type], args: &[Value]) -> Vec<Option<Value>> {
        let mut values: Vec<Option<Value>> = vec![None; params.len()];
        let pass = |ty: &Type| match ty {
            Type::Integer(_) => 0,
            Type::Pointer(_, Extent::Bytes { factors, .. }) if !factors.is_empty() => 2,
            _ => 1,
        };
        for number in 0..3 {
            for (index, (ty, arg)) in params.iter().zip(args).enumerate() {
                if pass(ty) == number {
                    values[index] = Some(self.convert_to_c(ty, *arg, params, &values));
                }
            }
        }
        values
    }

    fn c_call(&mut self, params: &[Type], values: &[Option<Value>]) -> CCall {
        let mut call = self.begin_c_call();
        for (ty, value) in params.iter().zip(values) {
            self.pass(&mut call, ty, value.expect("all are converted"));
        }
        call
    }

    fn call_variadic(
        &mut self,
        func: FuncIndex,
        declared: &ForeignFunction,
        fixed: &[Option<Value>],
        types: &[&Type],
        values: &[Value],
    ) -> Option<Value> {
        let mut call = self.c_call(&declared.params, fixed);
        self.pass_variable(&mut call, types, values);
        let has_stub = self.env.c.variadic_stub(declared).is_some();
        let symbol = if has_stub { Symbol::Variadic(func) } else { Symbol::Import(func) };
        self.finish_c_call(symbol, declared, call)
    }

    fn finish_c_call(&mut self, symbol: Symbol, declared: &ForeignFunction, mut call: CCall) -> Option<Value> {
        let result = declared.result.as_ref().map(|ty| AbiParam::new(c_type(ty)));
        call.signature.returns.extend(result);
        let callee = self.callee_with(symbol, call.signature);
        let inst = self.builder.ins().call(callee, &call.args);
        self.results(inst).first().copied()
    }

    /// Lets the runtime read the format and the buffer, and make the call.
    fn call_formatted(
        &mut self,
        func: FuncIndex,
        declared: &ForeignFunction,
        fixed: &[Option<Value>],
        format: FormatString,
        layout: VaBuffer,
        buffer: Value,
    ) -> Option<Value> {
        let header = to_u32(size_of::<FormattedCall>());
        let word_at = |index: u32| index.checked_mul(8).and_then(|words| words.checked_add(header));
        let word_at = |index| word_at(index).expect("a function with a format has at most 32 fixed parameters");
        let n_fixed = to_u32(fixed.len());
        let size = word_at(n_fixed);
        let slot = self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3));
        let place = self.builder.ins().stack_addr(POINTER, slot, 0);
        let mut floats = 0;
        for (index, (ty, value)) in (0..n_fixed).zip(declared.params.iter().zip(fixed)) {
            let is_float = u32::from(matches!(ty, Type::F32 | Type::F64));
            floats |= is_float.checked_shl(index).expect("a function with a format has at most 32 fixed parameters");
            let word = self.word(ty, value.expect("all are converted"));
            self.builder.ins().store(MemFlagsData::trusted(), word, place, to_displacement(word_at(index)));
        }
        let scanf = if format.kind == FormatKind::Scanf { FORMAT_SCANF } else { 0 };
        let flags = scanf | if layout.is_64 { FORMAT_WIDE } else { 0 };
        let function = self.address_of_import(func);
        let memory = self.address_of(Symbol::Memory(layout.memory));
        let buffer = self.widen(buffer);
        let words = self.builder.ins().iadd_imm_u(place, i64::from(header));
        let numbers = [
            (offset_of!(FormattedCall, n_fixed), n_fixed),
            (offset_of!(FormattedCall, floats), floats),
            (offset_of!(FormattedCall, format), format.param),
            (offset_of!(FormattedCall, flags), flags),
        ];
        let mut fields = vec![
            (offset_of!(FormattedCall, function), function),
            (offset_of!(FormattedCall, memory), memory),
            (offset_of!(FormattedCall, arguments), buffer),
            (offset_of!(FormattedCall, fixed), words),
        ];
        for (offset, number) in numbers {
            fields.push((offset, self.iconst(types::I32, i64::from(number))));
        }
        for (offset, value) in fields {
            self.builder.ins().store(MemFlagsData::trusted(), value, place, to_displacement(offset));
        }
        self.call_builtin(Builtin::FormattedCall, &[place]);
        let ty = declared.result.as_ref()?;
        let (ty, offset) = match ty {
            Type::F32 | Type::F64 => (c_type(ty), offset_of!(FormattedCall, float)),
            _ => (types::I64, offset_of!(FormattedCall, integer)),
        };
        let value = self.builder.ins().load(ty, MemFlagsData::trusted(), place, to_displacement(offset));
        let wanted = c_type(declared.result.as_ref()?);
        Some(if ty == wanted { value } else { self.narrow(value, wanted) })
    }

    /// The bits of a value in a word.
    fn word(&mut self, ty: &Type, value: Value) -> Value {
        match ty {
            Type::Integer(integer) => self.extend(*integer, value, types::I64),
            Type::F32 => {
                let bits = self.builder.ins().bitcast(types::I32, little_endian(), value);
                self.widen(bits)
            }
            Type::F64 => self.builder.ins().bitcast(types::I64, little_endian(), value),
            _ => value,
        }
    }

    /// What a buffer of variable arguments holds; zeros where there is no buffer, as compilers pass
    /// none where there are no arguments.
    fn read_buffer(&mut self, slots: &[VaSlot], layout: VaBuffer, buffer: Value) -> Vec<Value> {
        let start = self.widen(buffer);
        let (read, done) = (self.builder.create_block(), self.builder.create_block());
        let zeros: Vec<BlockArg> = slots.iter().map(|slot| self.zero(value_type(slot.wasm)).into()).collect();
        for slot in slots {
            self.builder.append_block_param(done, value_type(slot.wasm));
        }
        self.builder.ins().brif(start, read, &[], done, &zeros);

        self.open_block(read);
        // An address is aligned, not its distance from the start: what was read of a `va_list` may
        // have left it anywhere.
        let mut end = start;
        let mut addresses = Vec::new();
        for slot in slots {
            let bytes = i64::from(value_type(slot.wasm).bytes());
            let rounded = self.builder.ins().iadd_imm_u(end, bytes.saturating_sub(1));
            let address = self.builder.ins().band_imm_s(rounded, bytes.saturating_neg());
            end = self.builder.ins().iadd_imm_u(address, bytes);
            addresses.push(address);
        }
        // The start as well, so that no sum has passed the largest number.
        let size = self.memory_bytes(layout.memory);
        let last = self.builder.ins().umax(start, end);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, last, size);
        self.builder.ins().trapnz(outside, trap_code(Trap::MemoryOutOfBounds));
        let flags = self.checked(layout.memory).with_notrap();
        let mut values: Vec<BlockArg> = Vec::new();
        for (slot, address) in slots.iter().zip(addresses) {
            let place = self.memory_address(layout.memory, address);
            let place = self.guard(outside, place);
            values.push(self.builder.ins().load(value_type(slot.wasm), flags, place, 0).into());
        }
        self.builder.ins().jump(done, &values);
        self.open_block(done);
        self.builder.block_params(done).to_vec()
    }

    /// A value of Wasm as C takes it.
    pub fn convert_to_c(&mut self, ty: &Type, value: Value, params: &[Type], values: &[Option<Value>]) -> Value {
        match ty {
            Type::Integer(integer) => self.integer_to_c(*integer, value),
            Type::F32 | Type::F64 | Type::V128 | Type::Reference => value,
            Type::Pointer(memory, extent) => self.host_pointer(*memory, extent, value, params, values),
            Type::Opaque(handle) => {
                let number = self.widen(value);
                self.handle_pointer(handle, number)
            }
            Type::Function(callback, Some(table)) => self.function_pointer(*callback, *table, value),
            Type::Function(callback, None) => {
                let (found, done) = (self.builder.create_block(), self.builder.create_block());
                let pointer = self.builder.append_block_param(done, POINTER);
                self.builder.ins().brif(value, found, &[], done, &[value.into()]);
                self.open_block(found);
                let signature = self.signature_of(value);
                self.callback(*callback, value, signature, done);
                self.open_block(done);
                pointer
            }
        }
    }

    /// A value of C as one of Wasm type `wasm`.
    pub fn convert_to_wasm(&mut self, ty: &Type, value: Value, wasm: ir::Type) -> Value {
        match ty {
            Type::Integer(integer) => self.fit(*integer, value, wasm),
            Type::F32 | Type::F64 | Type::V128 | Type::Reference => value,
            Type::Pointer(memory, extent) => self.wasm_address(*memory, extent, value, wasm),
            Type::Opaque(handle) => {
                let number = self.handle_number(handle, value);
                self.narrow(number, wasm)
            }
            Type::Function(..) => panic!("C gives no table indices, the checker says"),
        }
    }

    /// The number that stands for a host pointer; 0 for null.
    pub fn handle_number(&mut self, handle: &Handle, pointer: Value) -> Value {
        let kind = self.iconst(types::I64, handle.kind_number().cast_signed());
        self.call_builtin(Builtin::Handle, &[pointer, kind]).expect("it has a result")
    }

    /// The host pointer that a number stands for.
    pub fn handle_pointer(&mut self, handle: &Handle, number: Value) -> Value {
        let kind = self.iconst(types::I64, handle.kind_number().cast_signed());
        let is_last = self.iconst(types::I32, handle.is_last.into());
        self.call_builtin(Builtin::HandlePointer, &[number, kind, is_last]).expect("it has a result")
    }

    /// The C function that stands for the one at `index`. Null, as compilers have it, is an empty
    /// place 0.
    fn function_pointer(&mut self, callback: CallbackIndex, table: TableIndex, index: Value) -> Value {
        let [inside, outside, found, empty, done] = [(); 5].map(|()| self.builder.create_block());
        let pointer = self.builder.append_block_param(done, POINTER);
        let null = self.iconst(POINTER, 0);
        let index = self.widen(index);
        let length = self.table_length(table);
        let is_outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.builder.ins().brif(is_outside, outside, &[], inside, &[]);

        self.open_block(outside);
        self.builder.ins().trapnz(index, trap_code(Trap::UndefinedElement));
        self.builder.ins().jump(done, &[null.into()]);

        self.open_block(inside);
        let entry = self.entry_address(table, index);
        let entry = self.guard(is_outside, entry);
        let flags = self.trusted(Region::Table(table));
        let code = self.builder.ins().load(POINTER, flags, entry, to_displacement(offset_of!(FuncEntry, code)));
        let signature =
            self.builder.ins().load(POINTER, flags, entry, to_displacement(offset_of!(FuncEntry, signature)));
        self.builder.ins().brif(code, found, &[], empty, &[]);

        self.open_block(empty);
        self.builder.ins().trapnz(index, trap_code(Trap::UninitializedElement));
        self.builder.ins().jump(done, &[null.into()]);

        self.open_block(found);
        self.callback(callback, code, signature, done);
        self.open_block(done);
        pointer
    }

    /// Jumps to `done` with the C function that calls `code`, which must be of the right type.
    fn callback(&mut self, callback: CallbackIndex, code: Value, signature: Value, done: ir::Block) {
        let ty = self.env.foreign.callbacks[callback].ty;
        let expected = self.address_of(Symbol::Signature(self.env.layout.signature_of[ty]));
        let right = self.builder.ins().icmp(IntCC::Equal, expected, signature);
        let (same, other) = (self.create_block(), self.create_block_that(true));
        self.builder.ins().brif(right, same, &[], other, &[]);
        self.open_block(other);
        self.trap_for_types(expected, signature);
        self.open_block(same);
        let pool = self.address_of(Symbol::CallbackPool(callback));
        let pointer = self.call_builtin(Builtin::Callback, &[pool, code]).expect("it has a result");
        self.builder.ins().jump(done, &[pointer.into()]);
    }

    /// Goes on in a block whose predecessors are all there.
    fn open_block(&mut self, block: ir::Block) {
        self.builder.seal_block(block);
        self.builder.switch_to_block(block);
    }
}

/// The CLIF type of a value in C.
pub fn c_type(ty: &Type) -> ir::Type {
    match ty {
        Type::Integer(integer) => ir::Type::int(integer.bits.into()).expect("integers have 8, 16, 32 or 64 bits"),
        Type::F32 => types::F32,
        Type::F64 => types::F64,
        Type::V128 => value_type(ValType::V128),
        Type::Reference | Type::Pointer(..) | Type::Opaque(_) | Type::Function(..) => POINTER,
    }
}
