//! Bounds of what a loop computes, as code that computes them before the loop.
//!
//! A bound is a whole number. [`Bounds`] writes code for the least and the greatest number that a
//! value of the loop can be, and conditions under which no operator on the way wraps; so the bounds
//! hold where all conditions do. Numbers of 32 bits are taken without a sign.

use super::early::{Code, Early};
use super::region::{self, Loop};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Const, End, Function, Inst, Op, Type, Value};
use std::collections::HashMap;

/// What does not change in the loop is below 2^32, with either sign, where it is part of a bound.
const FIXED_BITS: u32 = 32;
/// Factors are below that power of two where their product could be too large.
const FACTOR_BITS: u32 = 30;
/// No bound needs more, so sums of two don't wrap.
const MOST_BITS: u32 = 62;

/// Both inclusive, `i64`, with less than `bits` bits and a sign.
#[derive(Copy, Clone)]
pub struct Interval {
    pub low: Value,
    pub high: Value,
    bits: u32,
}

/// How a loop counts: `variable` grows by `step` until it reaches `limit`.
struct Counter {
    variable: Value,
    first: Value,
    step: Value,
    limit: Value,
    /// `limit` itself is still a round.
    is_inclusive: bool,
}

pub struct Bounds<'f> {
    function: &'f mut Function,
    constants: &'f HashMap<Value, i64>,
    /// What does not change in the loop.
    early: Early,
    known: HashMap<Value, Interval>,
    /// What the counter is in the loop, and by how much it grows.
    rounds: Option<(Interval, Value)>,
    /// What is to run before the loop.
    pub code: Code,
    /// `i32`, all not zero where the bounds hold.
    pub conditions: Vec<Value>,
}

/// How far the code was.
pub struct Mark {
    known: HashMap<Value, Interval>,
    early: Early,
    n_insts: usize,
    n_conditions: usize,
}

/// The integers that do not change at all; those of 32 bits with a sign.
pub fn constants(function: &Function) -> HashMap<Value, i64> {
    let insts = function.blocks.iter().flat_map(|block| &block.insts);
    let constant = |inst: &Inst| match inst.op {
        Op::Const(Const::I64(number)) => Some((inst.results[0], number)),
        Op::Const(Const::I32(number)) => Some((inst.results[0], number.into())),
        _ => None,
    };
    insts.filter_map(constant).collect()
}

impl<'f> Bounds<'f> {
    /// None for a loop that does not count up to a limit. `first`: the values of the header's
    /// parameters in the first round.
    pub fn new(
        function: &'f mut Function,
        constants: &'f HashMap<Value, i64>,
        of: &Loop,
        first: &[Value],
    ) -> Option<Bounds<'f>> {
        let early = Early::new(region::definitions(function, &of.blocks));
        let (code, conditions) = (Code::default(), Vec::new());
        let known = HashMap::new();
        let mut bounds = Bounds { function, constants, early, known, rounds: None, code, conditions };
        let counter = bounds.counter(of, first)?;
        bounds.count(&counter)?;
        Some(bounds)
    }

    pub fn mark(&self) -> Mark {
        let (known, early) = (self.known.clone(), self.early.clone());
        Mark { known, early, n_insts: self.code.0.len(), n_conditions: self.conditions.len() }
    }

    /// Forgets all that came after the mark.
    pub fn back_to(&mut self, mark: Mark) {
        (self.known, self.early) = (mark.known, mark.early);
        self.code.0.truncate(mark.n_insts);
        self.conditions.truncate(mark.n_conditions);
    }

    /// The parameter of the header that the last test compares, after one step, with what does not
    /// change.
    fn counter(&mut self, of: &Loop, first: &[Value]) -> Option<Counter> {
        let End::Branch { condition, then, otherwise } = &self.function.blocks[of.latch.index()].end else {
            return None;
        };
        let (goes_on, edge) = if then.block == of.header { (true, then) } else { (false, otherwise) };
        if then.block == otherwise.block {
            return None;
        }
        let next = edge.args.clone();
        let Inst { op: Op::Numeric(compare), args, .. } = self.early.definition(*condition)? else { return None };
        let (next_value, limit, is_inclusive) = match (compare, goes_on) {
            (Numeric::I64LtS, true) | (Numeric::I64GeS, false) => (args[0], args[1], false),
            (Numeric::I64GtS, true) | (Numeric::I64LeS, false) => (args[1], args[0], false),
            (Numeric::I64LeS, true) | (Numeric::I64GtS, false) => (args[0], args[1], true),
            (Numeric::I64GeS, true) | (Numeric::I64LtS, false) => (args[1], args[0], true),
            _ => return None,
        };
        let Inst { op: Op::Numeric(Numeric::I64Add), args, .. } = self.early.definition(next_value)? else {
            return None;
        };
        let params = &self.function.blocks[of.header.index()].params;
        let place = params.iter().zip(&next).position(|(param, next)| args.contains(param) && *next == next_value)?;
        let variable = params[place];
        let step = if args[0] == variable { args[1] } else { args[0] };
        Some(Counter { variable, first: first[place], step, limit, is_inclusive })
    }

    /// In every round the counter is between its first value and the last one below the limit.
    fn count(&mut self, counter: &Counter) -> Option<()> {
        let (step, limit) = (self.fixed(counter.step)?, self.fixed(counter.limit)?);
        let one = self.constant(1);
        self.require_fits(counter.first);
        self.require_fits(limit);
        let from_zero = self.emit(Numeric::I64Sub, &[step, one]);
        let most = self.constant(1 << FIXED_BITS);
        self.require(Numeric::I64LtU, from_zero, most);
        let high = if counter.is_inclusive { limit } else { self.emit(Numeric::I64Sub, &[limit, one]) };
        self.require(Numeric::I64LeS, counter.first, high);
        let interval = Interval { low: counter.first, high, bits: FIXED_BITS + 1 };
        self.known.insert(counter.variable, interval);
        self.rounds = Some((interval, step));
        Some(())
    }

    /// The loop may take that many rounds.
    pub fn require_rounds(&mut self, rounds: i64) {
        let (Interval { low, high, .. }, step) = self.rounds.expect("it was counted");
        let rounds = self.constant(rounds);
        let way = self.emit(Numeric::I64Mul, &[step, rounds]);
        let far = self.emit(Numeric::I64Add, &[low, way]);
        self.require(Numeric::I64LeS, far, high);
    }

    /// Bytes of the memory.
    pub fn memory_end(&mut self) -> Value {
        let pages = self.code.push(self.function, Op::MemorySize, Vec::new(), Type::I32);
        let pages = self.emit(Numeric::I64ExtendI32U, &[pages]);
        let size = self.constant(1 << 16);
        self.emit(Numeric::I64Mul, &[pages, size])
    }

    pub fn plus(&mut self, value: Value, number: i64) -> Value {
        if number == 0 {
            return value;
        }
        let number = self.constant(number);
        self.emit(Numeric::I64Add, &[value, number])
    }

    /// Bounds of an `i64` or `i32` of the loop; none where that is not known.
    pub fn of(&mut self, value: Value) -> Option<Interval> {
        if let Some(known) = self.known.get(&value) {
            return Some(*known);
        }
        let interval = self.find(value)?;
        self.known.insert(value, interval);
        Some(interval)
    }

    fn find(&mut self, value: Value) -> Option<Interval> {
        if let Some(number) = self.constants.get(&value) {
            return self.of_constant(*number);
        }
        let Some(inst) = self.early.definition(value).cloned() else { return self.of_fixed(value) };
        let args = &inst.args;
        match inst.op {
            Op::Numeric(Numeric::I64Add | Numeric::I32Add) => self.sum(value, args[0], args[1], Numeric::I64Add),
            Op::Numeric(Numeric::I64Sub | Numeric::I32Sub) => self.sum(value, args[0], args[1], Numeric::I64Sub),
            Op::Numeric(Numeric::I64Mul | Numeric::I32Mul) => {
                let (left, right) = (self.of(args[0])?, self.of(args[1])?);
                self.product(value, left, right)
            }
            Op::Numeric(Numeric::I64Shl | Numeric::I32Shl) => {
                let by = self.shift(args[1])?;
                let (left, factor) = (self.of(args[0])?, self.of_constant(1 << by)?);
                self.product(value, left, factor)
            }
            Op::Numeric(Numeric::I32WrapI64) => {
                let interval = self.of(args[0])?;
                self.require_unsigned(interval)
            }
            Op::Numeric(Numeric::I64ExtendI32U) => {
                let interval = self.of(args[0])?;
                self.require_unsigned(interval)
            }
            _ => None,
        }
    }

    /// How far a constant shifts, if that is less than 32.
    fn shift(&self, by: Value) -> Option<u32> {
        let by = *self.constants.get(&by)?;
        u32::try_from(by).ok().filter(|by| *by < 32)
    }

    /// The instruction of the loop that defines a value.
    pub fn definition(&self, value: Value) -> Option<&Inst> {
        self.early.definition(value)
    }

    /// What does not change in the loop.
    fn of_fixed(&mut self, value: Value) -> Option<Interval> {
        let value = self.fixed(value)?;
        let value = match self.function.ty(value) {
            Type::I64 => {
                self.require_fits(value);
                value
            }
            Type::I32 => self.emit(Numeric::I64ExtendI32U, &[value]),
            _ => return None,
        };
        Some(Interval { low: value, high: value, bits: FIXED_BITS })
    }

    fn of_constant(&mut self, number: i64) -> Option<Interval> {
        let bits = 64 - number.unsigned_abs().leading_zeros();
        let value = self.constant(number);
        (bits <= FIXED_BITS).then_some(Interval { low: value, high: value, bits })
    }

    fn sum(&mut self, value: Value, left: Value, right: Value, operator: Numeric) -> Option<Interval> {
        let (left, right) = (self.of(left)?, self.of(right)?);
        let bits = left.bits.max(right.bits) + 1;
        if bits > MOST_BITS {
            return None;
        }
        let (least, most) = if operator == Numeric::I64Add { (right.low, right.high) } else { (right.high, right.low) };
        let low = self.emit(operator, &[left.low, least]);
        let is_single = left.low == left.high && right.low == right.high;
        let high = if is_single { low } else { self.emit(operator, &[left.high, most]) };
        self.of_width(value, Interval { low, high, bits })
    }

    /// Of numbers that are not negative, and not large.
    fn product(&mut self, value: Value, left: Interval, right: Interval) -> Option<Interval> {
        let (left, right) = match left.bits + right.bits > MOST_BITS - 2 {
            true => (self.narrow(left), self.narrow(right)),
            false => (left, right),
        };
        let bits = left.bits + right.bits;
        let zero = self.constant(0);
        self.require(Numeric::I64LeS, zero, left.low);
        self.require(Numeric::I64LeS, zero, right.low);
        let low = self.emit(Numeric::I64Mul, &[left.low, right.low]);
        let is_single = left.low == left.high && right.low == right.high;
        let high = if is_single { low } else { self.emit(Numeric::I64Mul, &[left.high, right.high]) };
        self.of_width(value, Interval { low, high, bits })
    }

    /// Requires what a factor may have.
    fn narrow(&mut self, interval: Interval) -> Interval {
        let most = self.constant(1 << FACTOR_BITS);
        self.require(Numeric::I64LtS, interval.high, most);
        Interval { bits: FACTOR_BITS, ..interval }
    }

    /// A result of 32 bits must not wrap.
    fn of_width(&mut self, value: Value, interval: Interval) -> Option<Interval> {
        match self.function.ty(value) {
            Type::I32 => self.require_unsigned(interval),
            _ => Some(interval),
        }
    }

    fn require_unsigned(&mut self, interval: Interval) -> Option<Interval> {
        let zero = self.constant(0);
        let most = self.constant(u32::MAX.into());
        self.require(Numeric::I64LeS, zero, interval.low);
        self.require(Numeric::I64LeS, interval.high, most);
        Some(Interval { bits: interval.bits.min(32), ..interval })
    }

    /// A value that does not change in the loop, as one that can be read before it.
    pub fn fixed(&mut self, value: Value) -> Option<Value> {
        self.early.value(self.function, &mut self.code, value)
    }

    pub fn emit(&mut self, numeric: Numeric, args: &[Value]) -> Value {
        self.code.numeric(self.function, numeric, args)
    }

    pub fn constant(&mut self, number: i64) -> Value {
        self.code.constant(self.function, Const::I64(number))
    }

    pub fn require(&mut self, compare: Numeric, left: Value, right: Value) {
        let condition = self.emit(compare, &[left, right]);
        self.conditions.push(condition);
    }

    fn require_fits(&mut self, value: Value) {
        let offset = self.constant(1 << FIXED_BITS);
        let moved = self.emit(Numeric::I64Add, &[value, offset]);
        let most = self.constant(2 << FIXED_BITS);
        self.require(Numeric::I64LtU, moved, most);
    }
}
