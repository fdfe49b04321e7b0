//! Instructions of x86-64 that compute: what is known of their results, and of the flags.

use super::X86;
use super::decode::{immediate, register, relation};
use crate::compute::unsigned;
use crate::machine::{Machine, RESULT};
use crate::state::{Flags, Range, State};
use crate::value::{Condition, Expr, Value};
use yaxpeax_x86::long_mode::{Instruction, Opcode};

impl Machine<'_, X86> {
    pub fn zero_extended(&mut self, state: &mut State, instruction: &Instruction) -> Value {
        let source = instruction.operand(1);
        if let Some((number, 1)) = register(&source)
            && let Some(Expr::Flag { condition, .. }) = self.flag_in(state, number)
        {
            return Value::term(self.terms.intern(Expr::Flag { condition, whole: true }));
        }
        let value = self.read(state, instruction, 1);
        // What is known to be small already.
        if let Some((number, width)) = register(&source) {
            let whole = state.registers[usize::from(number)].clone();
            let most = Range::of_bytes(width).high;
            let is_small = state.is_between(&self.terms, &whole.sum, 0, most);
            if whole.base.is_none() && is_small {
                return whole;
            }
        }
        value
    }

    pub fn sign_extended(&mut self, state: &mut State, instruction: &Instruction) -> Value {
        let source = instruction.operand(1);
        let size = self.width(instruction, 1);
        if size == 4 && source.is_memory() {
            let Some(address) = self.address(state, source) else {
                self.fail("the address of a load is not known");
                return self.made(state, RESULT, Range::ALL);
            };
            if let Some(value) = self.signed_word(state, &address) {
                return value;
            }
        }
        let value = self.read(state, instruction, 1);
        self.signed(state, value, size)
    }

    pub fn add(&mut self, state: &mut State, instruction: &Instruction) {
        let width = self.width(instruction, 0);
        let (left, right) = (self.read(state, instruction, 0), self.read(state, instruction, 1));
        let is_sum = instruction.opcode() == Opcode::ADD;
        let result = if is_sum { left.plus(&right) } else { left.minus(&right) };
        let result = self.or_unknown(state, result);
        let flags = match (is_sum, width) {
            (true, 8) if left.base.is_none() && right.base.is_none() => {
                Flags::Sum { left: unsigned(left).sum, right: unsigned(right).sum }
            }
            (false, 4 | 8) => self.compared(state, left, right, width),
            (true, 4) => {
                let low = state.low_half(&mut self.terms, &result);
                Flags::Result(low)
            }
            _ => Flags::Unknown,
        };
        self.write(state, instruction, 0, result);
        state.flags = if self.mentions_temporary(&flags) { Flags::Unknown } else { flags };
    }

    pub fn result(&mut self, state: &mut State, instruction: &Instruction, value: Value) -> Flags {
        match self.width(instruction, 0) {
            8 => Flags::Result(value),
            4 => Flags::Result(state.low_half(&mut self.terms, &value)),
            _ => Flags::Unknown,
        }
    }

    /// Two flags in registers, as one condition.
    pub fn both_flags(&self, state: &State, instruction: &Instruction) -> Option<(Condition, bool)> {
        let (first, _) = register(&instruction.operand(0))?;
        let (second, _) = register(&instruction.operand(1))?;
        let Expr::Flag { condition: left, whole } = self.flag_in(state, first)? else { return None };
        let Expr::Flag { condition: right, whole: other } = self.flag_in(state, second)? else { return None };
        let is_byte = self.width(instruction, 0) == 1;
        Some((Condition::And(Box::new(left), Box::new(right)), is_byte || whole || other))
    }

    pub fn test(&mut self, state: &mut State, instruction: &Instruction) {
        if let Some((condition, is_all)) = self.both_flags(state, instruction)
            && instruction.operand(0) != instruction.operand(1)
        {
            state.flags = if is_all { Flags::Byte(condition) } else { Flags::Unknown };
            return;
        }
        let operand = instruction.operand(0);
        let is_same = operand == instruction.operand(1);
        state.flags = match register(&operand) {
            Some((number, 1 | 4)) if is_same && self.flag_in(state, number).is_some() => {
                let Some(Expr::Flag { condition, whole }) = self.flag_in(state, number) else { return };
                match (register(&operand), whole) {
                    (Some((_, 4)), false) => Flags::Unknown,
                    _ => Flags::Byte(condition),
                }
            }
            Some((_, width @ (4 | 8))) if is_same => {
                let left = self.read(state, instruction, 0);
                Flags::Compare { left, right: Value::constant(0), width }
            }
            Some((number, width)) if is_same && self.is_at_most(state, number, Range::of_bytes(width).high) => {
                let left = state.registers[usize::from(number)].clone();
                Flags::Compare { left, right: Value::constant(0), width }
            }
            _ => {
                self.read(state, instruction, 0);
                self.read(state, instruction, 1);
                Flags::Unknown
            }
        };
    }

    pub fn and(&mut self, state: &mut State, instruction: &Instruction) {
        if let Some((condition, is_all)) = self.both_flags(state, instruction)
            && let Some((first, _)) = register(&instruction.operand(0))
        {
            let whole = is_all && self.width(instruction, 0) != 1;
            let id = self.terms.intern(Expr::Flag { condition: condition.clone(), whole });
            state.registers[usize::from(first)] = Value::term(id);
            state.flags = if is_all { Flags::Byte(condition) } else { Flags::Unknown };
            return;
        }
        let (left, right) = (self.read(state, instruction, 0), self.read(state, instruction, 1));
        let value = self.masked(state, &left, &right, self.width(instruction, 0));
        self.write(state, instruction, 0, value);
        state.flags = Flags::Unknown;
        if let Some((number, width @ (4 | 8))) = register(&instruction.operand(0)) {
            let left = state.registers[usize::from(number)].clone();
            state.flags = Flags::Compare { left, right: Value::constant(0), width };
        }
    }

    pub fn shift(&mut self, state: &mut State, instruction: &Instruction) {
        let width = self.width(instruction, 0);
        let value = self.read(state, instruction, 0);
        let by = immediate(&instruction.operand(1)).filter(|by| (0..i64::from(8 * width)).contains(by));
        let is_right = instruction.opcode() == Opcode::SHR;
        let result = match by {
            Some(by) if !is_right => value.times(1i64.wrapping_shl(u32::try_from(by).expect("it is small"))),
            Some(by) => Some(self.shifted_right(state, &value, by, width)),
            None => None,
        };
        let result = match result {
            Some(result) => result,
            None => {
                let range = if is_right { Range::of_bytes(width) } else { Range::ALL };
                self.made(state, RESULT, range)
            }
        };
        self.write(state, instruction, 0, result);
        state.flags = Flags::Unknown;
    }

    pub fn conditional_move(&mut self, state: &mut State, instruction: &Instruction) {
        let condition = self.condition(state, relation(instruction.opcode()));
        let (old, new) = (self.read(state, instruction, 0), self.read(state, instruction, 1));
        let result = self.select(state, &condition, new, old);
        self.write(state, instruction, 0, result);
    }
}
