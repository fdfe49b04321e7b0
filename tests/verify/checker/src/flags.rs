//! Flags: what a compare leaves behind, and what jumps and moves that depend on it tell.

use crate::assume::signed;
use crate::machine::{Exit, Leads, Machine, Processor, RESULT, is_temporary};
use crate::state::{Fact, Flags, Range, State};
use crate::value::{Base, Condition, Expr, Relation, Sum, Value};

impl<P: Processor> Machine<'_, P> {
    /// What is known where a relation holds; `None`: nothing.
    pub fn condition(&self, state: &State, relation: Option<Relation>) -> Condition {
        let Some(relation) = relation else { return Condition::Unknown };
        let compare =
            |left: &Value, right: &Value| Condition::Compare { relation, left: left.clone(), right: right.clone() };
        match (&state.flags, relation) {
            // Less than 64 bits have their sign elsewhere.
            (Flags::Compare { width: 0..8, .. }, _) if relation.is_signed() => Condition::Unknown,
            (Flags::Compare { left, right, .. }, _) => compare(left, right),
            (Flags::Result(value), Relation::Equal | Relation::NotEqual) => compare(value, &Value::constant(0)),
            // A byte that is not 0 says that its condition holds.
            (Flags::Byte(condition), Relation::NotEqual) => condition.clone(),
            // A carry: left > 2^64 - 1 - right, which no sum expresses; see `branch`.
            _ => Condition::Unknown,
        }
    }

    /// A conditional jump. After a sum, `Below` is a carry.
    pub fn branch(&mut self, state: State, relation: Option<Relation>, leads: Leads) -> Exit {
        let Leads::Branch(Some(target)) = leads else {
            self.fail("a conditional jump leaves the function");
            return Exit::Ways(Vec::new());
        };
        if !(self.function.start..self.function.end).contains(&target) {
            self.fail("a conditional jump leaves the function");
            return Exit::Ways(Vec::new());
        }
        let (mut taken, mut next) = (state.clone(), state);
        let mut ways = Vec::new();
        match (taken.flags.clone(), relation) {
            (Flags::Sum { left, right }, Some(Relation::Below | Relation::AtLeast)) => {
                let mut with = |state: &mut State| {
                    // The result stands where the sum of both was written.
                    let wrapped = state.wrap(&mut self.terms, &left);
                    if let (Some(old), Some(new)) = (left.plus_times(&right, 1), wrapped.plus_times(&right, 1)) {
                        state.replace(&old, &new);
                    }
                    wrapped
                };
                with(&mut taken);
                let left = with(&mut next);
                let without_carry = if relation == Some(Relation::Below) { &mut next } else { &mut taken };
                without_carry.assume_no_carry(&self.terms, &left, &right);
                ways = vec![(target, taken), (self.next, next)];
            }
            (Flags::Byte(condition), Some(Relation::Equal)) => {
                if taken.assume(&self.terms, &condition, false) {
                    ways.push((target, taken));
                }
                if next.assume(&self.terms, &condition, true) {
                    ways.push((self.next, next));
                }
            }
            _ => {
                let condition = self.condition(&taken, relation);
                self.note_inequality(&condition, target <= self.at);
                if taken.assume(&self.terms, &condition, true) {
                    self.follow_equality(&mut taken, &condition, true);
                    ways.push((target, taken));
                }
                if next.assume(&self.terms, &condition, false) {
                    self.follow_equality(&mut next, &condition, false);
                    ways.push((self.next, next));
                }
            }
        }
        Exit::Ways(ways)
    }

    /// A loop may end where a number is another, or go back by an order: then it may be below it
    /// before.
    pub fn note_inequality(&mut self, condition: &Condition, is_back: bool) {
        if let Condition::Compare { relation, left, right } = condition
            && (matches!(relation, Relation::Equal | Relation::NotEqual) || is_back && !relation.is_signed())
            && left.base == right.base
            && let Some(difference) = signed(left).sum.exactly_plus_times(&signed(right).sum, -1)
            && self.terms.sum_mentions(&difference, &|expr| matches!(expr, Expr::Joined { .. }))
            && !self.unequal.contains(&difference)
        {
            self.unequal.push(difference);
        }
    }

    /// The stack pointer, where it is found to be where another register is.
    pub fn follow_equality(&self, state: &mut State, condition: &Condition, holds: bool) {
        let wanted = if holds { Relation::Equal } else { Relation::NotEqual };
        let Condition::Compare { relation, left, right } = condition else { return };
        let stack = &mut state.registers[usize::from(P::REGISTERS.stack)];
        if *relation == wanted && left == stack && right.offset_from(Base::Stack).is_some() {
            *stack = right.clone();
        } else if *relation == wanted && right == stack && left.offset_from(Base::Stack).is_some() {
            *stack = left.clone();
        }
    }

    /// One of two values, by a condition.
    pub fn select(&mut self, state: &mut State, condition: &Condition, new: Value, old: Value) -> Value {
        match state.decide(&self.terms, condition) {
            Some(true) => new,
            Some(false) => old,
            None => {
                // A number in the union of both ranges, as the condition narrows them.
                let (mut moved, mut kept) = (state.clone(), state.clone());
                moved.assume(&self.terms, condition, true);
                kept.assume(&self.terms, condition, false);
                let ranges = moved.whole_range(&self.terms, &new.sum).zip(kept.whole_range(&self.terms, &old.sum));
                let range = ranges.map(|(new, old)| new.join(old)).filter(|range| range.is_whole());
                let is_number = |range: &Range| new.base.is_some() || range.low >= 0;
                let Some(range) = range.filter(|range| new.base == old.base && is_number(range)) else {
                    return self.made(state, RESULT, Range::ALL);
                };
                let result = self.made(state, RESULT, range);
                for (one, other, where_taken) in [(&new, &old, &moved), (&old, &new, &kept)] {
                    self.note_order(state, &result.sum, [&one.sum, &other.sum], where_taken);
                }
                Value { base: new.base, sum: result.sum }
            }
        }
    }

    /// A result that is `one` where a state holds, and else `other`: the larger or the smaller of
    /// both.
    fn note_order(&self, state: &mut State, result: &Sum, [one, other]: [&Sum; 2], where_taken: &State) {
        let Some(difference) = one.exactly_plus_times(other, -1) else { return };
        let bound = result.exactly_plus_times(other, -1);
        let negative = |sum: &Sum| Sum::default().exactly_plus_times(sum, -1);
        if where_taken.is_at_most(&self.terms, &difference, 0) {
            bound.into_iter().for_each(|sum| state.add_fact(&self.terms, Fact { sum, limit: None }));
        } else if where_taken.is_at_least(&self.terms, &difference, 0) {
            let bound = bound.and_then(|sum| negative(&sum));
            bound.into_iter().for_each(|sum| state.add_fact(&self.terms, Fact { sum, limit: None }));
        }
    }

    pub fn flag_in(&self, state: &State, number: u8) -> Option<Expr> {
        let id = state.registers[usize::from(number)].sum.as_term()?;
        Some(self.terms.expr(id).clone()).filter(|expr| matches!(expr, Expr::Flag { .. }))
    }

    pub fn mentions_temporary(&self, flags: &Flags) -> bool {
        let is_temporary =
            |expr: &Expr| matches!(expr, Expr::Made { site, place } if *site == self.at && is_temporary(*place));
        match flags {
            Flags::Unknown => false,
            Flags::Compare { left, right, .. } => {
                self.terms.sum_mentions(&left.sum, &is_temporary) || self.terms.sum_mentions(&right.sum, &is_temporary)
            }
            Flags::Result(value) => self.terms.sum_mentions(&value.sum, &is_temporary),
            Flags::Sum { left, right } => {
                self.terms.sum_mentions(left, &is_temporary) || self.terms.sum_mentions(right, &is_temporary)
            }
            Flags::Byte(condition) => self.terms.condition_mentions(condition, &is_temporary),
        }
    }

    pub fn is_at_most(&self, state: &State, number: u8, most: i128) -> bool {
        let Value { base, sum } = &state.registers[usize::from(number)];
        base.is_none() && state.is_between(&self.terms, sum, 0, most)
    }
}
