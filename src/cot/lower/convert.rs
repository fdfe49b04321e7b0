//! Conversions between types.

use super::branching::after_tag;
use super::function::{Address, Body, Data, Operand};
use super::repr::scalar;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, Pinned, Type as WasmType, Value};
use crate::cot::typed::{Conversion, Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

impl<'p> Body<'_, 'p> {
    /// To a type with leaves.
    pub fn convert(&mut self, conversion: Conversion, value: &'p Expression, ty: TypeId) -> Operand {
        let borrowed = |value: Value| Operand { data: Data::Leaves(vec![value]), owned: false };
        match conversion {
            Conversion::Never => {
                self.discard(value);
                let values = self.zeros(ty).expect("the type has leaves");
                Operand { data: Data::Leaves(values), owned: true }
            }
            Conversion::Reinterpret => self.reinterpret(value, ty),
            Conversion::ToOptional => {
                let operand = self.expr(value);
                if self.is_word_optional(ty) {
                    return operand;
                }
                self.with_first(1, operand)
            }
            Conversion::ToSuccess => {
                let operand = self.expr(value);
                self.with_first(0, operand)
            }
            Conversion::ToFailure => {
                let number = self.scalar(value);
                let mut values = self.zeros(ty).expect("the type has leaves");
                let one = self.b.i32(1);
                values[0] = self.b.numeric(Numeric::I32Add, &[number, one]);
                Operand { data: Data::Leaves(values), owned: true }
            }
            Conversion::ErrorOf => {
                let code = self.error_code_of(value);
                let one = self.b.i32(1);
                borrowed(self.b.numeric(Numeric::I32Sub, &[code, one]))
            }
            Conversion::UnionTag => {
                let tag = match self.leaves(value.ty) {
                    Some(_) => self.scalar(value),
                    None => {
                        let base = self.address_of_value(value);
                        self.union_tag(Address { base, offset: 0 })
                    }
                };
                borrowed(self.widen(tag))
            }
            Conversion::StringToPointer => {
                let address = self.leaves_of(value)[0];
                borrowed(self.pin(address, Pinned::Free))
            }
            Conversion::PointerToInt => {
                let address = self.scalar(value);
                self.keep_pointed(value, address);
                borrowed(self.widen(address))
            }
            Conversion::IntToPointer => {
                let number = self.scalar(value);
                borrowed(self.narrow(number))
            }
            Conversion::BoolToInt => {
                let truth = self.scalar(value);
                borrowed(self.resize(truth, TypeId::U8, ty))
            }
            Conversion::ResizeInt => {
                let number = self.scalar(value);
                borrowed(self.resize(number, value.ty, ty))
            }
            Conversion::IntToFloat | Conversion::ResizeFloat | Conversion::FloatToInt | Conversion::BitCast => {
                let number = self.scalar(value);
                borrowed(self.convert_number(conversion, number, value.ty, ty))
            }
        }
    }

    /// The same value with another leaf before its own.
    pub fn with_first(&mut self, first: i32, operand: Operand) -> Operand {
        let Data::Leaves(values) = operand.data else { unreachable!("parts of what has leaves have leaves") };
        let mut all = vec![self.b.i32(first)];
        all.extend(values);
        Operand { data: Data::Leaves(all), owned: operand.owned }
    }

    /// The address of a place becomes a number: its bytes may be copied without counts.
    fn keep_pointed(&mut self, pointer: &'p Expression, base: Value) {
        if let ExpressionKind::AddressOf(place) = &pointer.kind
            && !self.is_prelude
        {
            self.keep_buffers(place.ty, &Operand { data: Data::Memory(base), owned: false });
        }
    }

    fn reinterpret(&mut self, value: &'p Expression, ty: TypeId) -> Operand {
        let operand = self.expr(value);
        if let Data::Leaves(values) = &operand.data
            && values.len() == 1
        {
            self.keep_pointed(value, values[0]);
        }
        // From an enum to an integer of another width at most.
        let is_number = |body: &Self, ty: TypeId| matches!(body.types().get(ty), Type::Enum(_) | Type::Int { .. });
        if is_number(self, ty) && is_number(self, value.ty) && value.ty != ty {
            let Data::Leaves(values) = operand.data else { unreachable!("numbers have leaves") };
            let number = self.resize(values[0], value.ty, ty);
            return Operand { data: Data::Leaves(vec![number]), owned: false };
        }
        operand
    }

    /// To a type without leaves.
    pub fn convert_into(&mut self, conversion: Conversion, value: &'p Expression, ty: TypeId, to: Address) {
        match conversion {
            Conversion::Never => self.discard(value),
            Conversion::ToOptional | Conversion::ToSuccess => {
                let tag = self.b.i32(i32::from(conversion == Conversion::ToOptional));
                self.expr_into(value, after_tag(to));
                self.b.store(Access::Pointer, to.base, to.offset, tag);
            }
            Conversion::ToFailure => {
                let number = self.scalar(value);
                let tag = self.b.i32(1);
                self.b.store(Access::Pointer, to.base, to.offset, tag);
                self.b.store(Access::Pointer, to.base, to.offset + 8, number);
            }
            Conversion::Reinterpret => {
                // The same bytes under another type.
                let operand = self.expr(value);
                let Data::Memory(from) = operand.data else { unreachable!("the type has no leaves") };
                let size = self.lowering.size(ty);
                self.copy_memory(to, Address { base: from, offset: 0 }, size);
                if !operand.owned {
                    self.retain_memory(ty, to);
                }
            }
            _ => unreachable!("the other conversions give leaves"),
        }
    }

    fn error_code_of(&mut self, value: &'p Expression) -> Value {
        match self.leaves(value.ty) {
            Some(_) => self.leaves_of(value)[0],
            None => {
                let base = self.address_of_value(value);
                let number = self.b.load(Access::Pointer, base, 8);
                let one = self.b.i32(1);
                self.b.numeric(Numeric::I32Add, &[number, one])
            }
        }
    }

    /// An integer (or enum) in another integer type: high bits are dropped, or it is extended by
    /// the signedness of its own type.
    pub fn resize(&mut self, value: Value, from: TypeId, to: TypeId) -> Value {
        let (from_access, to_access) = (scalar(self.types(), from), scalar(self.types(), to));
        let is_wide = |access: Access| access == Access::I64;
        match (is_wide(from_access), is_wide(to_access)) {
            (true, true) => value,
            (false, true) if self.is_signed(from) => self.b.numeric(Numeric::I64ExtendI32S, &[value]),
            (false, true) => self.b.numeric(Numeric::I64ExtendI32U, &[value]),
            (true, false) => {
                let value = self.b.numeric(Numeric::I32WrapI64, &[value]);
                self.normalize(value, to_access)
            }
            (false, false) if to_access.size() > from_access.size() && self.is_signed(from) == self.is_signed(to) => {
                value
            }
            (false, false) => self.normalize(value, to_access),
        }
    }

    /// Brings a 32-bit result into the range of a narrow type.
    pub fn normalize(&mut self, value: Value, access: Access) -> Value {
        match access {
            Access::I8 => self.b.numeric(Numeric::I32Extend8S, &[value]),
            Access::I16 => self.b.numeric(Numeric::I32Extend16S, &[value]),
            Access::U8 | Access::U16 => {
                let mask = self.b.i32(if access == Access::U8 { 0xff } else { 0xffff });
                self.b.numeric(Numeric::I32And, &[value, mask])
            }
            _ => value,
        }
    }

    /// Whether an integer type is signed; enums as their backing type.
    pub fn is_signed(&self, ty: TypeId) -> bool {
        match self.types().get(ty) {
            Type::Int { signed, .. } => *signed,
            Type::Enum(index) => self.is_signed(self.types().enums[index.0 as usize].backing),
            _ => false,
        }
    }

    fn convert_number(&mut self, conversion: Conversion, value: Value, from: TypeId, to: TypeId) -> Value {
        use Numeric::*;
        let (from_type, to_type) = (scalar(self.types(), from).ty(), scalar(self.types(), to).ty());
        let numeric = match (conversion, from_type, to_type) {
            (Conversion::IntToFloat, from_type, to_type) => match (from_type, to_type, self.is_signed(from)) {
                (WasmType::I32, WasmType::F32, true) => F32ConvertI32S,
                (WasmType::I32, WasmType::F32, false) => F32ConvertI32U,
                (WasmType::I32, _, true) => F64ConvertI32S,
                (WasmType::I32, _, false) => F64ConvertI32U,
                (_, WasmType::F32, true) => F32ConvertI64S,
                (_, WasmType::F32, false) => F32ConvertI64U,
                (_, _, true) => F64ConvertI64S,
                (_, _, false) => F64ConvertI64U,
            },
            (Conversion::ResizeFloat, WasmType::F64, WasmType::F32) => F32DemoteF64,
            (Conversion::ResizeFloat, WasmType::F32, WasmType::F64) => F64PromoteF32,
            (Conversion::FloatToInt, _, _) => return self.float_to_int(value, from_type, to),
            (Conversion::BitCast, WasmType::F32, WasmType::I32) => I32ReinterpretF32,
            (Conversion::BitCast, WasmType::F64, WasmType::I64) => I64ReinterpretF64,
            (Conversion::BitCast, WasmType::I32, WasmType::F32) => F32ReinterpretI32,
            (Conversion::BitCast, WasmType::I64, WasmType::F64) => F64ReinterpretI64,
            (Conversion::BitCast, WasmType::I32, WasmType::I32) => {
                let access = scalar(self.types(), to);
                return self.normalize(value, access);
            }
            _ => return value,
        };
        self.b.numeric(numeric, &[value])
    }

    /// Saturating, NaN is 0. Narrow types saturate at their own bounds.
    fn float_to_int(&mut self, value: Value, from: WasmType, to: TypeId) -> Value {
        use Numeric::*;
        let signed = self.is_signed(to);
        let wide = match (from, signed) {
            (WasmType::F32, true) => I64TruncSatF32S,
            (WasmType::F32, false) => I64TruncSatF32U,
            (_, true) => I64TruncSatF64S,
            (_, false) => I64TruncSatF64U,
        };
        let wide = self.b.numeric(wide, &[value]);
        let size = scalar(self.types(), to).size();
        if size == 8 {
            return wide;
        }
        let bits = size * 8;
        let (least, greatest) =
            if signed { (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1) } else { (0, (1i64 << bits) - 1) };
        let (less, greater) = if signed { (I64LtS, I64GtS) } else { (I64LtU, I64GtU) };
        let greatest = self.b.i64(greatest);
        let is_greater = self.b.numeric(greater, &[wide, greatest]);
        let mut result = self.b.select(greatest, wide, is_greater);
        if signed {
            let least = self.b.i64(least);
            let is_less = self.b.numeric(less, &[result, least]);
            result = self.b.select(least, result, is_less);
        }
        self.b.numeric(I32WrapI64, &[result])
    }
}
