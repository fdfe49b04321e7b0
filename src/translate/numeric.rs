//! Numbers: operators on operands of one type, comparisons, conversions.
//!
//! Wasm's integer division and conversions from floats trap exactly as Cranelift's instructions do,
//! shift counts are taken modulo the width by both, and Cranelift's `fmin`, `fmax` and `nearest`
//! are Wasm's: so an operator is an opcode.

use super::translator::{Translator, little_endian};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

impl Translator<'_> {
    pub fn unary(&mut self, opcode: Opcode) {
        let value = self.pop();
        let result = self.unary_value(opcode, self.type_of(value), value);
        self.push(result);
    }

    pub fn binary(&mut self, opcode: Opcode) {
        let (a, b) = self.pop2();
        let result = self.binary_value(opcode, a, b);
        self.push(result);
    }

    /// An operator whose result has another type than its operand.
    pub fn convert(&mut self, opcode: Opcode, to: Type) {
        let value = self.pop();
        let result = self.unary_value(opcode, to, value);
        self.push(result);
    }

    pub fn unary_value(&mut self, opcode: Opcode, ty: Type, value: Value) -> Value {
        let (inst, dfg) = self.builder.ins().Unary(opcode, ty, value);
        dfg.first_result(inst)
    }

    pub fn binary_value(&mut self, opcode: Opcode, a: Value, b: Value) -> Value {
        let ty = self.type_of(a);
        let (inst, dfg) = self.builder.ins().Binary(opcode, ty, a, b);
        dfg.first_result(inst)
    }

    /// A comparison is 8 bits wide in CLIF; see [`Translator::condition`] for how a branch gets rid
    /// of the extension.
    pub fn compare(&mut self, condition: IntCC) {
        let (a, b) = self.pop2();
        let result = self.builder.ins().icmp(condition, a, b);
        self.push_condition(result);
    }

    pub fn compare_floats(&mut self, condition: FloatCC) {
        let (a, b) = self.pop2();
        let result = self.builder.ins().fcmp(condition, a, b);
        self.push_condition(result);
    }

    pub fn is_zero(&mut self) {
        let value = self.pop();
        let result = self.builder.ins().icmp_imm_u(IntCC::Equal, value, 0);
        self.push_condition(result);
    }

    pub fn push_condition(&mut self, condition: Value) {
        let number = self.builder.ins().uextend(types::I32, condition);
        self.push(number);
    }

    /// Sign-extends the low bits, those of `from`, to the operand's whole width.
    pub fn extend_low(&mut self, from: Type) {
        let value = self.pop();
        let ty = self.type_of(value);
        let low = self.builder.ins().ireduce(from, value);
        let result = self.builder.ins().sextend(ty, low);
        self.push(result);
    }

    pub fn reinterpret(&mut self, to: Type) {
        let value = self.pop();
        let result = self.builder.ins().bitcast(to, little_endian(), value);
        self.push(result);
    }

    /// Addition or subtraction of 128-bit numbers given as low and high half.
    pub fn wide(&mut self, opcode: Opcode) {
        let (low, high) = self.pop2();
        let b = self.builder.ins().iconcat(low, high);
        let (low, high) = self.pop2();
        let a = self.builder.ins().iconcat(low, high);
        let result = self.binary_value(opcode, a, b);
        self.push_halves(result);
    }

    /// The whole product, extended by `extend`.
    pub fn multiply_wide(&mut self, extend: Opcode) {
        let (a, b) = self.pop2();
        let a = self.unary_value(extend, types::I128, a);
        let b = self.unary_value(extend, types::I128, b);
        let product = self.builder.ins().imul(a, b);
        self.push_halves(product);
    }

    fn push_halves(&mut self, value: Value) {
        let (low, high) = self.builder.ins().isplit(value);
        self.push(low);
        self.push(high);
    }
}
