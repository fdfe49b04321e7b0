//! How often a loop runs: from the comparison at its end, before it begins.

use super::body::Body;
use super::sum::Sum;
use super::version::Guard;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value, types};

/// Why a loop ends.
pub enum Rounds {
    /// It goes on until the sum is zero.
    UntilZero { sum: Sum, step: i32 },
    /// It goes on while a number that grows is below another that stays.
    WhileBelow {
        growing: Sum,
        bound: Sum,
        /// By how much it grows: not zero.
        step: u32,
        is_signed: bool,
        /// It goes on for the bound itself too.
        inclusive: bool,
        /// All bits of both numbers are inverted: what shrinks grows then.
        inverted: bool,
    },
}

/// What the comparison at the end says; `None` where it is not one of a number that grows evenly.
pub fn read(body: &Body) -> Option<Rounds> {
    let condition = body.func.dfg.inst_args(body.branch)[0];
    let (condition_code, a, b) = comparison(body, condition)?;
    let goes_on = if body.goes_on_when { condition_code } else { condition_code.complement() };
    let difference = a.minus(&b)?;
    if goes_on == IntCC::NotEqual {
        let step = body.step(&difference).filter(|&step| step != 0)?;
        return Some(Rounds::UntilZero { sum: difference, step });
    }
    let (goes_on, moving, bound) = match (body.step(&a)?, body.step(&b)?) {
        (0, 0) => return None,
        (_, 0) => (goes_on, a, b),
        (0, _) => (goes_on.swap_args(), b, a),
        _ => return None,
    };
    let step = body.step(&moving)?;
    let (is_signed, inclusive, inverted) = match goes_on {
        IntCC::SignedLessThan => (true, false, false),
        IntCC::SignedLessThanOrEqual => (true, true, false),
        IntCC::UnsignedLessThan => (false, false, false),
        IntCC::UnsignedLessThanOrEqual => (false, true, false),
        IntCC::SignedGreaterThan => (true, false, true),
        IntCC::SignedGreaterThanOrEqual => (true, true, true),
        IntCC::UnsignedGreaterThan => (false, false, true),
        IntCC::UnsignedGreaterThanOrEqual => (false, true, true),
        IntCC::Equal | IntCC::NotEqual => return None,
    };
    let grows = if inverted { step < 0 } else { step > 0 };
    let rounds =
        Rounds::WhileBelow { growing: moving, bound, step: step.unsigned_abs(), is_signed, inclusive, inverted };
    grows.then_some(rounds)
}

/// The comparison of 32-bit sums that a condition is.
fn comparison(body: &Body, condition: Value) -> Option<(IntCC, Sum, Sum)> {
    match body.definition(condition) {
        Some(&InstructionData::Unary { opcode: Opcode::Uextend, arg }) => comparison(body, arg),
        Some(&InstructionData::IntCompare { cond, args: [a, b], .. })
            if body.func.dfg.value_type(a) == types::I32 && body.makes(condition) =>
        {
            Some((cond, body.sum(a)?, body.sum(b)?))
        }
        _ if body.func.dfg.value_type(condition) == types::I32 => {
            Some((IntCC::NotEqual, body.sum(condition)?, Sum::default()))
        }
        _ => None,
    }
}

impl Rounds {
    /// Before the loop: how often it is repeated after its first round, as an `i64` below 2^32. The
    /// guard gets the conditions under which that is right.
    pub fn count(&self, guard: &mut Guard) -> Value {
        match self {
            Rounds::UntilZero { sum, step } => {
                let start = guard.sum(sum);
                let distance = if *step > 0 { guard.ins().ineg(start) } else { start };
                let step = i64::from(step.unsigned_abs());
                let (count, rest) = divide(guard, distance, step);
                if let Some(rest) = rest {
                    guard.require_zero(rest);
                }
                guard.ins().uextend(types::I64, count)
            }
            Rounds::WhileBelow { growing, bound, step, is_signed, inclusive, inverted } => {
                let [start, mut bound] = [growing, bound].map(|sum| {
                    let mut number = guard.sum(sum);
                    if *is_signed {
                        number = guard.ins().bxor_imm_u(number, 0x8000_0000);
                    }
                    if *inverted {
                        number = guard.ins().bnot(number);
                    }
                    guard.ins().uextend(types::I64, number)
                });
                if *inclusive {
                    bound = guard.ins().iadd_imm_s(bound, 1);
                }
                // Divided upward; not negative.
                let step = i64::from(*step);
                let distance = guard.ins().isub(bound, start);
                let zero = guard.ins().iconst(types::I64, 0);
                let distance = guard.ins().smax(distance, zero);
                let upward = guard.ins().iadd_imm_s(distance, step.saturating_sub(1));
                let (count, _) = divide(guard, upward, step);
                // In the last comparison the number must not have wrapped.
                let grown = guard.ins().imul_imm_s(count, step);
                let last = guard.ins().iadd(start, grown);
                guard.require_below(last, 1 << 32);
                count
            }
        }
    }
}

/// A number divided by a step, and what is zero if nothing remains; `None` where nothing can.
fn divide(guard: &mut Guard, number: Value, step: i64) -> (Value, Option<Value>) {
    if step == 1 {
        return (number, None);
    }
    if step.count_ones() == 1 {
        let count = guard.ins().ushr_imm_u(number, i64::from(step.trailing_zeros()));
        return (count, Some(guard.ins().band_imm_u(number, step.saturating_sub(1))));
    }
    let ty = guard.type_of(number);
    let divisor = guard.ins().iconst(ty, step);
    let count = guard.ins().udiv(number, divisor);
    let product = guard.ins().imul(count, divisor);
    (count, Some(guard.ins().isub(number, product)))
}
