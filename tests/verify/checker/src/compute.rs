//! What is known of results: of bits that are cut off, shifted or compared.

use crate::machine::{Machine, Processor, RESULT};
use crate::state::{Flags, Range, State};
use crate::value::{Expr, Value};

/// A constant as 64 bits without a sign.
pub fn unsigned(mut value: Value) -> Value {
    if value.as_constant().is_some_and(|constant| constant < 0) {
        value.sum.constant += 1 << 64;
    }
    value
}

impl<P: Processor> Machine<'_, P> {
    /// The bits that both numbers have.
    pub fn masked(&mut self, state: &mut State, left: &Value, right: &Value, width: u32) -> Value {
        let bound = |value: &Value| {
            let is_positive = value.base.is_none() && state.lower(&self.terms, &value.sum) >= 0;
            is_positive.then(|| state.upper(&self.terms, &value.sum)).and_then(|high| u64::try_from(high).ok())
        };
        let most = [bound(left), bound(right)].into_iter().flatten().min();
        let range = most.map_or(Range::ALL, Range::upto);
        // Bits that the number does not have may be in the mask or not.
        let absent = bound(left).map_or(0, |most| u64::MAX.checked_shl(64 - most.leading_zeros()).unwrap_or(0));
        let clears = right.as_constant().map(|mask| mask | absent.cast_signed());
        let clears = clears.filter(|mask| *mask < 0 && (!mask).count_zeros() == mask.leading_ones());
        match (clears.or(right.as_constant()), bound(left)) {
            (Some(-1), Some(_)) => left.clone(),
            // A multiple: the number without its lowest bits.
            (Some(mask), Some(_)) if clears.is_some() && width == 8 => {
                let by = mask.trailing_zeros();
                let shifted = self.shifted_right(state, left, by.into(), width);
                Value::number(shifted.sum.times(1i64.wrapping_shl(by)))
            }
            (Some(mask), Some(_)) if width >= 4 => {
                let id = self.terms.intern(Expr::Masked { sum: left.sum.clone(), mask });
                let multiple = 1u64.checked_shl(mask.trailing_zeros()).unwrap_or(1);
                let known = state.range(&self.terms, id);
                state.ranges.insert(id, Range { high: range.high.min(known.high), low: known.low.max(0), multiple });
                Value::term(id)
            }
            _ => self.made(state, RESULT, range),
        }
    }

    /// A number of so many bytes, shifted to the right without its sign.
    pub fn shifted_right(&mut self, state: &mut State, value: &Value, by: i64, width: u32) -> Value {
        if value.base.is_some() || !state.is_exact(&self.terms, &value.sum) {
            return self.made(state, RESULT, Range::of_bytes(width));
        }
        let by = u32::try_from(by).expect("it is below the width");
        let id = self.terms.intern(Expr::Shifted { sum: value.sum.clone(), by });
        let (low, high) = (state.lower(&self.terms, &value.sum) >> by, state.upper(&self.terms, &value.sum) >> by);
        let known = state.range(&self.terms, id);
        state.ranges.insert(id, Range { low: low.max(known.low), high: high.min(known.high), multiple: 1 });
        Value::term(id)
    }

    /// A number of so many bytes, with its sign.
    pub fn signed(&mut self, state: &mut State, value: Value, bytes: u32) -> Value {
        let half = 1i128 << (8 * bytes - 1);
        if value.base.is_none()
            && state.is_at_least(&self.terms, &value.sum, 0)
            && state.is_at_most(&self.terms, &value.sum, half - 1)
        {
            return value;
        }
        self.made(state, RESULT, Range::ALL)
    }

    /// A compare in 32 or 64 bits.
    pub fn compared(&mut self, state: &mut State, left: Value, right: Value, width: u32) -> Flags {
        if width == 8 && left.base.is_some() != right.base.is_some() {
            // An address with null, or a signature with what was found.
            return Flags::Compare { left, right, width };
        }
        if width == 8 {
            let [left, right] = [left, right].map(|value| self.wrapped(state, value));
            return Flags::Compare { left: unsigned(left), right: unsigned(right), width };
        }
        let left = state.low_half(&mut self.terms, &left);
        let right = state.low_half(&mut self.terms, &right);
        Flags::Compare { left, right, width }
    }

    /// A number that was made of others may wrap; unless it is a little below 0, which compares
    /// know of, it gets a name of its own.
    pub fn wrapped(&mut self, state: &mut State, value: Value) -> Value {
        let is_small = state.is_between(&self.terms, &value.sum, -(1 << 62), (1 << 62) - 1);
        if value.base.is_some() || is_small {
            return value;
        }
        Value::number(state.wrap(&mut self.terms, &value.sum))
    }
}
