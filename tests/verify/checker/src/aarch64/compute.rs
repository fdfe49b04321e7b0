//! Instructions of aarch64 that compute: what is known of their results, and of the flags.

use super::Aarch64;
use super::machine::relation;
use super::operation::{Bits, Logic, Operation, Register, Second, Select, Shift, Wide};
use crate::compute::unsigned;
use crate::image::SymbolNumber;
use crate::machine::{Exit, Leads, Machine, RESULT};
use crate::state::{Fact, Flags, Range, State};
use crate::value::{Base, Condition, Expr, Relation, Value};

/// The bits of so many bytes.
fn all_bits(width: u32) -> u64 {
    u64::MAX >> (64 - 8 * width)
}

impl Machine<'_, Aarch64> {
    pub fn add(&mut self, state: &mut State, operation: Operation) {
        let Operation::Add { width, is_minus, sets_flags, to, left, right } = operation else { return };
        let constant = if let Second::Constant(constant) = right { Some(constant) } else { None };
        let left = self.get(state, left, width);
        let right = self.second(state, right, width);
        let result = if is_minus { left.minus(&right) } else { left.plus(&right) };
        let result = result.map(|result| self.of_thread(result));
        let result = self.or_unknown(state, result);
        let flags = match (is_minus, width) {
            _ if !sets_flags => Flags::Unknown,
            (true, _) => self.compared(state, left, right, width),
            // `cmn`: a compare with the negative number.
            (false, _) if to.is_none() && constant.is_some_and(|it| it > 0) => {
                let negative = constant.expect("it is one").wrapping_neg() & all_bits(width);
                self.compared(state, left, Value::constant(negative.cast_signed()), width)
            }
            (false, 8) if left.base.is_none() && right.base.is_none() => {
                Flags::Sum { left: unsigned(left).sum, right: unsigned(right).sum }
            }
            (false, _) => {
                let result = if width == 4 { state.low_half(&mut self.terms, &result) } else { result.clone() };
                Flags::Result(result)
            }
        };
        self.put(state, to, width, result);
        if sets_flags {
            state.flags = if self.mentions_temporary(&flags) { Flags::Unknown } else { flags };
        }
    }

    /// The thread's pointer and a distance from it are an address.
    fn of_thread(&mut self, sum: Value) -> Value {
        let symbol: Option<SymbolNumber> = match sum.base {
            Some(Base::FromThread(symbol)) => Some(symbol),
            _ => None,
        };
        let is_pointer = sum.sum.as_term().is_some_and(|id| *self.terms.expr(id) == Expr::ThreadPointer);
        symbol.filter(|_| is_pointer).map_or(sum, |symbol| Value::at(Base::Symbol(symbol), 0))
    }

    /// The condition that a register has as 0 or 1.
    fn flag(&self, state: &State, register: Register) -> Option<Condition> {
        match self.flag_in(state, register?)? {
            Expr::Flag { condition, whole: true } => Some(condition),
            _ => None,
        }
    }

    pub fn logic(&mut self, state: &mut State, operation: Operation) {
        let Operation::Logic { width, logic, inverts, sets_flags, to, left, right } = operation else { return };
        let as_register = match right {
            Second::Shifted { register, shift: Shift::Left, by: 0 } => Some(register),
            _ => None,
        };
        let flags = self.flag(state, left).zip(as_register.and_then(|right| self.flag(state, right)));
        if let (Logic::And, false, Some((first, second))) = (logic, inverts, flags) {
            let condition = Condition::And(Box::new(first), Box::new(second));
            let flag = self.terms.intern(Expr::Flag { condition: condition.clone(), whole: true });
            self.put(state, to, width, Value::term(flag));
            if sets_flags {
                state.flags = Flags::Byte(condition);
            }
            return;
        }
        let sign = 8 * width - 1;
        let is_sign = right == Second::Shifted { register: left, shift: Shift::Signed, by: sign };
        if (logic, inverts, sets_flags, is_sign) == (Logic::And, true, false, true) {
            let result = self.at_least_zero(state, left, width);
            return self.put(state, to, width, result);
        }
        let is_same = as_register.is_some_and(|right| right == left);
        let left = self.get(state, left, width);
        let mut right = self.second(state, right, width);
        if inverts {
            let inverse =
                right.as_constant().map(|it| Value::constant((!it.cast_unsigned() & all_bits(width)).cast_signed()));
            right = self.or_unknown(state, inverse);
        }
        let constants = left.as_constant().zip(right.as_constant());
        let result = match (logic, constants) {
            (Logic::And, _) if is_same && !inverts => left,
            (Logic::And, Some((left, right))) => Value::constant(left & right),
            (Logic::And, None) => self.cut(state, &left, &right, width),
            (Logic::Or, Some((left, right))) => Value::constant(left | right),
            (Logic::Or, None) if left.as_constant() == Some(0) => right,
            (Logic::ExclusiveOr, _) if is_same && !inverts => Value::constant(0),
            (Logic::ExclusiveOr, Some((left, right))) => Value::constant(left ^ right),
            _ => self.made(state, RESULT, Range::of_bytes(width)),
        };
        let flag = match result.sum.as_term().map(|id| self.terms.expr(id).clone()) {
            Some(Expr::Flag { condition, whole: true }) if result.base.is_none() => Some(condition),
            _ => None,
        };
        let flags = self.compared(state, result.clone(), Value::constant(0), width);
        self.put(state, to, width, result);
        if let Some(condition) = flag.filter(|_| sets_flags) {
            state.flags = Flags::Byte(condition);
        } else if sets_flags {
            // Of a result only whether it is 0 is known: a compare would also set the carry.
            state.flags = match flags {
                _ if self.mentions_temporary(&flags) => Flags::Unknown,
                Flags::Compare { left, .. } => Flags::Result(left),
                _ => Flags::Unknown,
            };
        }
    }

    /// A number with its sign, or 0 if it is below that.
    fn at_least_zero(&mut self, state: &mut State, register: Register, width: u32) -> Value {
        let value = self.get(state, register, width);
        let half = 1i128 << (8 * width - 1);
        let (low, high) = (state.lower(&self.terms, &value.sum), state.upper(&self.terms, &value.sum));
        if value.base.is_some() || low < -half || high >= half {
            return self.made(state, RESULT, Range::upto(all_bits(width) >> 1));
        }
        let most = u64::try_from(high).unwrap_or(0);
        let result = self.made(state, RESULT, Range::upto(most));
        let distance = value.sum.exactly_plus_times(&result.sum, -1);
        distance.into_iter().for_each(|sum| state.add_fact(&self.terms, Fact { sum, limit: None }));
        result
    }

    /// The bits that both have; the left number, if the right one has all of its bits.
    fn cut(&mut self, state: &mut State, left: &Value, right: &Value, width: u32) -> Value {
        let mask = right.as_constant().map(i64::cast_unsigned).filter(|mask| mask & mask.wrapping_add(1) == 0);
        let is_inside = mask.is_some_and(|mask| {
            let (low, high) = (state.lower(&self.terms, &left.sum), state.upper(&self.terms, &left.sum));
            left.base.is_none() && low >= 0 && high <= mask.into()
        });
        match mask {
            _ if is_inside => left.clone(),
            Some(mask) if mask == u64::from(u32::MAX) => state.low_half(&mut self.terms, left),
            _ => self.masked(state, left, right, width),
        }
    }

    pub fn wide(&mut self, state: &mut State, operation: Operation) {
        let Operation::Wide { width, wide, to, bits, shift } = operation else { return };
        let bits = bits << shift;
        let value = match wide {
            Wide::Zero => Some(bits),
            Wide::Not => Some(!bits & all_bits(width)),
            Wide::Keep => {
                let old = self.get(state, to, width).as_constant().map(i64::cast_unsigned);
                old.map(|old| old & !(0xffff << shift) | bits)
            }
        };
        let value = value.map(|value| Value::constant(value.cast_signed()));
        let value = self.or_unknown(state, value);
        self.put(state, to, width, value);
    }

    /// Shifts, extensions and fields.
    pub fn bits(&mut self, state: &mut State, operation: Operation) {
        let Operation::Bits { width, kind, to, from, first, last } = operation else { return };
        let top = 8 * width - 1;
        let value = self.get(state, from, width);
        // Bits `first` to `last`, or the lowest `last + 1`, moved up.
        let result = match kind {
            Bits::Unsigned if last >= first => {
                let field = Value::constant((u64::MAX >> (63 - (last - first))).cast_signed());
                match first {
                    0 => self.cut(state, &value, &field, width),
                    _ => {
                        let shifted = self.shifted_right(state, &value, first.into(), width);
                        let most = u64::MAX >> (63 - (last - first));
                        match state.is_at_most(&self.terms, &shifted.sum, most.into()) {
                            true => shifted,
                            false => self.made(state, RESULT, Range::upto(most)),
                        }
                    }
                }
            }
            Bits::Unsigned => {
                let by = top + 1 - first;
                let kept = match last + by {
                    it if it >= top => value,
                    _ => {
                        let field = Value::constant((u64::MAX >> (63 - last)).cast_signed());
                        self.cut(state, &value, &field, width)
                    }
                };
                let moved = kept.times(1i64.wrapping_shl(by));
                self.or_unknown(state, moved)
            }
            Bits::Signed if first == 0 && matches!(last, 7 | 15 | 31) && last < top => {
                let bytes = (last + 1) / 8;
                let low = if bytes == 4 { state.low_half(&mut self.terms, &value) } else { value };
                match self.signed_half(state, &low).filter(|_| bytes == 4) {
                    Some(value) => value,
                    None => self.signed(state, low, bytes),
                }
            }
            Bits::Signed if last == top => {
                let half = 1i128 << top;
                let is_positive = value.base.is_none()
                    && state.is_at_least(&self.terms, &value.sum, 0)
                    && state.is_at_most(&self.terms, &value.sum, half - 1);
                match is_positive {
                    true => self.shifted_right(state, &value, first.into(), width),
                    false => self.made(state, RESULT, Range::of_bytes(width)),
                }
            }
            Bits::Signed | Bits::Insert => self.made(state, RESULT, Range::of_bytes(width)),
        };
        self.put(state, to, width, result);
    }

    pub fn select_register(&mut self, state: &mut State, operation: Operation) {
        let Operation::Select { width, kind, to, left, right, code } = operation else { return };
        let mut low = None;
        let result = match kind {
            Select::Plain if code < 14 => {
                let condition = self.condition(state, relation(state, code));
                let (new, old) = (self.get(state, left, width), self.get(state, right, width));
                low = Some(self.low_range(state, &condition, &new, &old));
                self.select(state, &condition, new, old)
            }
            // `cset`: 1 where the condition does not hold.
            Select::Increment if left.is_none() && right.is_none() && code < 14 => {
                let condition = self.condition(state, relation(state, code ^ 1));
                Value::term(self.terms.intern(Expr::Flag { condition, whole: true }))
            }
            _ => self.made(state, RESULT, Range::of_bytes(width)),
        };
        self.put(state, to, width, result);
        if let Some((low, number)) = low.zip(to) {
            let value = state.registers[usize::from(number)].clone();
            let half = state.low_half(&mut self.terms, &value).sum.as_term();
            if let Some(id) = half.filter(|id| matches!(self.terms.expr(*id), Expr::Low(_))) {
                state.ranges.insert(id, low);
            }
        }
    }

    /// What the low half of one of two values can be. Indices of tables of jumps are selected in 64
    /// bits after a compare in 32.
    fn low_range(&mut self, state: &State, condition: &Condition, new: &Value, old: &Value) -> Range {
        let (mut moved, mut kept) = (state.clone(), state.clone());
        moved.assume(&self.terms, condition, true);
        kept.assume(&self.terms, condition, false);
        let (new, old) = (moved.low_half(&mut self.terms, new), kept.low_half(&mut self.terms, old));
        moved.range_of(&self.terms, &new.sum).join(kept.range_of(&self.terms, &old.sum))
    }

    /// Of a constant, the bits the other way round.
    pub fn reverse(&mut self, state: &mut State, to: Register, from: Register, width: u32) {
        match self.get(state, from, width).as_constant() {
            Some(constant) => {
                let reversed = constant.cast_unsigned().reverse_bits() >> (64 - 8 * width);
                self.put(state, to, width, Value::constant(reversed.cast_signed()));
            }
            None => self.put_unknown(state, to, width),
        }
    }

    pub fn multiply(&mut self, state: &mut State, operation: Operation) {
        let Operation::Multiply { width, to, left, right, plus, is_minus } = operation else { return };
        let plus = self.get(state, plus, width);
        let (left, right) = (self.get(state, left, width), self.get(state, right, width));
        let product = match (left.as_constant(), right.as_constant()) {
            (_, Some(factor)) => left.times(factor),
            (Some(factor), None) => right.times(factor),
            (None, None) => None,
        };
        let result = product.and_then(|it| if is_minus { plus.minus(&it) } else { plus.plus(&it) });
        let result = self.or_unknown(state, result);
        self.put(state, to, width, result);
    }

    /// A number of 32 bits with its sign, where it is the low half of one that has no more.
    pub fn signed_half(&self, state: &State, value: &Value) -> Option<Value> {
        let Expr::Low(sum) = self.terms.expr(value.sum.as_term()?) else { return None };
        let (low, high) = (state.lower(&self.terms, sum), state.upper(&self.terms, sum));
        (low >= i32::MIN.into() && high <= i32::MAX.into()).then(|| Value::number(sum.clone()))
    }

    /// A jump where a register is 0, or is not. The flags stay as they are.
    pub fn branch_on_zero(
        &mut self,
        mut state: State,
        register: Register,
        width: u32,
        is_zero: bool,
        leads: Leads,
    ) -> Exit {
        let flags = match self.flag(&state, register) {
            Some(condition) => Flags::Byte(condition),
            None => {
                let value = self.get(&state, register, width);
                self.compared(&mut state, value, Value::constant(0), width)
            }
        };
        self.branch_by(state, flags, is_zero, leads)
    }

    /// A jump on a bit, of which something is known if it is the only one.
    pub fn branch_on_bit(&mut self, state: State, register: Register, bit: u32, is_zero: bool, leads: Leads) -> Exit {
        let flags = match self.flag(&state, register) {
            Some(condition) if bit == 0 => Flags::Byte(condition),
            _ => Flags::Unknown,
        };
        self.branch_by(state, flags, is_zero, leads)
    }

    fn branch_by(&mut self, mut state: State, flags: Flags, is_zero: bool, leads: Leads) -> Exit {
        let before = std::mem::replace(&mut state.flags, flags);
        let relation = if is_zero { Relation::Equal } else { Relation::NotEqual };
        match self.branch(state, Some(relation), leads) {
            Exit::Ways(mut ways) => {
                ways.iter_mut().for_each(|(_, state)| state.flags = before.clone());
                Exit::Ways(ways)
            }
            exit => exit,
        }
    }
}
