//! Operators on numbers, bools and pointers.

use super::call::is_simple;
use super::function::Body;
use super::repr::scalar;
use super::runtime;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, Const, Type as WasmType, Value};
use crate::cot::source::Span;
use crate::cot::typed::{ArithmeticOperator, CompareOperator, Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

impl<'p> Body<'_, 'p> {
    pub fn computation(&mut self, expression: &'p Expression) -> Value {
        let ty = expression.ty;
        match &expression.kind {
            ExpressionKind::Negate(value) => {
                let value = self.scalar(value);
                self.negate(value, ty)
            }
            ExpressionKind::Not(value) => {
                let value = self.scalar(value);
                self.b.numeric(Numeric::I32Eqz, &[value])
            }
            ExpressionKind::BitNot(value) => {
                let value = self.scalar(value);
                let access = scalar(self.types(), ty);
                if access == Access::I64 {
                    let ones = self.b.i64(-1);
                    return self.b.numeric(Numeric::I64Xor, &[value, ones]);
                }
                let ones = self.b.i32(-1);
                let value = self.b.numeric(Numeric::I32Xor, &[value, ones]);
                self.normalize(value, access)
            }
            ExpressionKind::Arithmetic { operator, left, right } => {
                let left = self.scalar(left);
                let right = self.scalar(right);
                self.arithmetic(*operator, left, right, ty, expression.span)
            }
            ExpressionKind::Compare { operator, left, right } => {
                let compared = left.ty;
                let left = self.scalar(left);
                let right = self.scalar(right);
                self.compare(*operator, left, right, compared)
            }
            ExpressionKind::SequenceEqual { left, right, negated } => {
                let left = self.leaves_before(left, is_simple(right));
                let right = self.leaves_of(right);
                let equal = self.strings_equal(&left, &right);
                if *negated { self.b.numeric(Numeric::I32Eqz, &[equal]) } else { equal }
            }
            ExpressionKind::Logical { is_and, left, right } => self.logical(*is_and, left, right),
            ExpressionKind::IsNull(value) => self.is_null(value),
            ExpressionKind::OffsetPointer { pointer, offset, backwards } => {
                let Type::Pointer(of) = *self.types().get(pointer.ty) else { unreachable!("a pointer moves") };
                let pointer = self.scalar(pointer);
                let offset = self.scalar(offset);
                self.offset_pointer(pointer, offset, of, *backwards)
            }
            _ => unreachable!("the other expressions are not computations"),
        }
    }

    pub fn strings_equal(&mut self, left: &[Value], right: &[Value]) -> Value {
        let args = vec![self.widen(left[0]), left[1], self.widen(right[0]), right[1]];
        self.prelude("stringEqual", args)[0]
    }

    fn is_null(&mut self, value: &'p Expression) -> Value {
        let has_value = match self.leaves(value.ty) {
            Some(_) => self.leaves_of(value)[0],
            None => {
                let address = self.address_of_value(value);
                self.b.load(Access::Pointer, address, 0)
            }
        };
        self.b.numeric(Numeric::I32Eqz, &[has_value])
    }

    fn logical(&mut self, is_and: bool, left: &'p Expression, right: &'p Expression) -> Value {
        let result = self.b.new_variable(WasmType::I32);
        let left = self.scalar(left);
        self.b.set(result, left);
        let (more, done) = (self.b.new_block(), self.b.new_block());
        let (on_true, on_false) = if is_and { (more, done) } else { (done, more) };
        self.b.branch(left, on_true, on_false);
        self.b.switch_to(more);
        self.in_scope(|body| {
            let right = body.scalar(right);
            body.b.set(result, right);
        });
        self.b.jump(done);
        self.b.switch_to(done);
        self.b.get(result)
    }

    pub fn offset_pointer(&mut self, pointer: Value, offset: Value, of: TypeId, backwards: bool) -> Value {
        let size = self.lowering.size(of);
        let offset = self.narrow(offset);
        let distance = self.scaled(offset, size);
        let numeric = if backwards { Numeric::I32Sub } else { Numeric::I32Add };
        self.b.numeric(numeric, &[pointer, distance])
    }

    fn negate(&mut self, value: Value, ty: TypeId) -> Value {
        let access = scalar(self.types(), ty);
        match access {
            Access::F32 => self.b.numeric(Numeric::F32Neg, &[value]),
            Access::F64 => self.b.numeric(Numeric::F64Neg, &[value]),
            Access::I64 => {
                let zero = self.b.i64(0);
                self.b.numeric(Numeric::I64Sub, &[zero, value])
            }
            _ => {
                let zero = self.b.i32(0);
                let value = self.b.numeric(Numeric::I32Sub, &[zero, value]);
                self.normalize(value, access)
            }
        }
    }

    /// Both sides and the result have the type `ty`.
    pub fn arithmetic(
        &mut self,
        operator: ArithmeticOperator,
        left: Value,
        right: Value,
        ty: TypeId,
        span: Span,
    ) -> Value {
        use ArithmeticOperator::*;
        let access = scalar(self.types(), ty);
        if matches!(access, Access::F32 | Access::F64) {
            return self.float_arithmetic(operator, left, right, access);
        }
        let is_signed = self.is_signed(ty);
        if matches!(operator, Divide | Remainder) {
            self.check_division(operator, left, right, ty, span);
        }
        let mut right = right;
        if matches!(operator, ShiftLeft | ShiftRight) && access.size() < 4 {
            // Wasm takes the count modulo 32 and 64 itself.
            let mask = self.b.i32(access.size() as i32 * 8 - 1);
            right = self.b.numeric(Numeric::I32And, &[right, mask]);
        }
        let mut left = left;
        if operator == ShiftRight && access.size() < 4 && is_signed {
            let mask = self.b.i32(if access.size() == 1 { 0xff } else { 0xffff });
            left = self.b.numeric(Numeric::I32And, &[left, mask]);
        }
        let is_wide = access == Access::I64;
        let numeric = integer_operator(operator, is_wide, is_signed);
        let result = self.b.numeric(numeric, &[left, right]);
        let stays_in_range = match operator {
            Divide | Remainder => !is_signed,
            BitAnd | BitOr | BitXor => true,
            ShiftRight => !is_signed,
            _ => false,
        };
        if is_wide || stays_in_range { result } else { self.normalize(result, access) }
    }

    fn float_arithmetic(&mut self, operator: ArithmeticOperator, left: Value, right: Value, access: Access) -> Value {
        use Numeric::*;
        let is_single = access == Access::F32;
        let choose = |single, double| if is_single { single } else { double };
        let numeric = match operator {
            ArithmeticOperator::Add => choose(F32Add, F64Add),
            ArithmeticOperator::Subtract => choose(F32Sub, F64Sub),
            ArithmeticOperator::Multiply => choose(F32Mul, F64Mul),
            ArithmeticOperator::Divide => choose(F32Div, F64Div),
            ArithmeticOperator::Remainder => {
                if !is_single {
                    return self.prelude("floatRemainder", vec![left, right])[0];
                }
                // Exact in the wider type, and representable in the narrower one.
                let args = [left, right].map(|value| self.b.numeric(F64PromoteF32, &[value]));
                let result = self.prelude("floatRemainder", args.to_vec())[0];
                return self.b.numeric(F32DemoteF64, &[result]);
            }
            _ => unreachable!("floats have no bits"),
        };
        self.b.numeric(numeric, &[left, right])
    }

    /// Zero panics in debug builds. The one quotient that does not fit traps: by itself at the
    /// widths that Wasm has.
    fn check_division(&mut self, operator: ArithmeticOperator, left: Value, right: Value, ty: TypeId, span: Span) {
        let access = scalar(self.types(), ty);
        if self.checks {
            let zero = self.b.constant(Const::zero(access.ty()));
            let numeric = if access == Access::I64 { Numeric::I64Eq } else { Numeric::I32Eq };
            let is_zero = self.b.numeric(numeric, &[right, zero]);
            self.when(is_zero, |body| body.panic_at("panicDivision", span));
        }
        if operator == ArithmeticOperator::Divide && access.size() < 4 && self.is_signed(ty) {
            let least = self.b.i32(if access.size() == 1 { -128 } else { -32768 });
            let minus_one = self.b.i32(-1);
            let is_least = self.b.numeric(Numeric::I32Eq, &[left, least]);
            let is_minus_one = self.b.numeric(Numeric::I32Eq, &[right, minus_one]);
            let overflows = self.b.numeric(Numeric::I32And, &[is_least, is_minus_one]);
            self.when(overflows, |body| {
                // The host names this trap as it does for wider types.
                let least = body.b.i32(i32::MIN);
                let minus_one = body.b.i32(-1);
                body.b.numeric(Numeric::I32DivS, &[least, minus_one]);
            });
        }
    }

    pub fn compare(&mut self, operator: CompareOperator, left: Value, right: Value, ty: TypeId) -> Value {
        use CompareOperator::*;
        use Numeric::*;
        let row = match (scalar(self.types(), ty), self.is_signed(ty)) {
            (Access::F32, _) => [F32Eq, F32Ne, F32Lt, F32Le, F32Gt, F32Ge],
            (Access::F64, _) => [F64Eq, F64Ne, F64Lt, F64Le, F64Gt, F64Ge],
            (Access::I64, true) => [I64Eq, I64Ne, I64LtS, I64LeS, I64GtS, I64GeS],
            (Access::I64, false) => [I64Eq, I64Ne, I64LtU, I64LeU, I64GtU, I64GeU],
            (_, true) => [I32Eq, I32Ne, I32LtS, I32LeS, I32GtS, I32GeS],
            (_, false) => [I32Eq, I32Ne, I32LtU, I32LeU, I32GtU, I32GeU],
        };
        let column = match operator {
            Equal => 0,
            NotEqual => 1,
            Less => 2,
            LessEqual => 3,
            Greater => 4,
            GreaterEqual => 5,
        };
        self.b.numeric(row[column], &[left, right])
    }

    /// An integer, bool, enum or error as an `i64`, as the prelude takes it.
    pub fn as_i64(&mut self, value: Value, ty: TypeId) -> Value {
        match scalar(self.types(), ty) {
            Access::I64 => value,
            _ if self.is_signed(ty) => self.b.numeric(Numeric::I64ExtendI32S, &[value]),
            _ => self.b.numeric(Numeric::I64ExtendI32U, &[value]),
        }
    }

    /// What an operation of the host takes.
    pub fn fit_host(&mut self, value: Value, wanted: WasmType) -> Value {
        match (self.b.function.ty(value), wanted) {
            (WasmType::I64, WasmType::I32) => self.narrow(value),
            (WasmType::I32, WasmType::I64) => self.b.numeric(runtime::ERRNO_EXTENSION, &[value]),
            _ => value,
        }
    }
}

fn integer_operator(operator: ArithmeticOperator, is_wide: bool, is_signed: bool) -> Numeric {
    use ArithmeticOperator::*;
    use Numeric::*;
    let [narrow, wide] = match (operator, is_signed) {
        (Add, _) => [I32Add, I64Add],
        (Subtract, _) => [I32Sub, I64Sub],
        (Multiply, _) => [I32Mul, I64Mul],
        (Divide, true) => [I32DivS, I64DivS],
        (Divide, false) => [I32DivU, I64DivU],
        (Remainder, true) => [I32RemS, I64RemS],
        (Remainder, false) => [I32RemU, I64RemU],
        (BitAnd, _) => [I32And, I64And],
        (BitOr, _) => [I32Or, I64Or],
        (BitXor, _) => [I32Xor, I64Xor],
        (ShiftLeft, _) => [I32Shl, I64Shl],
        (ShiftRight, _) => [I32ShrU, I64ShrU],
    };
    if is_wide { wide } else { narrow }
}
