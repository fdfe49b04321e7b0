//! Jumps and conditional moves: where they lead, and what is known there.

use crate::decode::immediate;
use crate::machine::{Exit, Machine, RESULT, RSP};
use crate::state::{Flags, Range, State};
use crate::value::{Base, Condition, Expr, Relation, Value};
use yaxpeax_x86::long_mode::{ConditionCode, Instruction, Opcode};

impl Machine<'_> {
    /// What a conditional instruction depends on.
    pub fn condition(&self, state: &State, opcode: Opcode) -> Condition {
        use ConditionCode::{A, AE, B, BE, G, GE, L, LE, NZ, Z};
        let Some(code) = opcode.condition() else { return Condition::Unknown };
        let compare = |relation, left: &Value, right: &Value| Condition::Compare {
            relation,
            left: left.clone(),
            right: right.clone(),
        };
        match &state.flags {
            Flags::Unknown => Condition::Unknown,
            Flags::Compare { left, right } => {
                let relation = match code {
                    Z => Relation::Equal,
                    NZ => Relation::NotEqual,
                    B => Relation::Below,
                    AE => Relation::AtLeast,
                    A => Relation::Above,
                    BE => Relation::AtMost,
                    L | GE | G | LE => Relation::Other,
                    _ => return Condition::Unknown,
                };
                compare(relation, left, right)
            }
            Flags::Result(value) => match code {
                Z => compare(Relation::Equal, value, &Value::constant(0)),
                NZ => compare(Relation::NotEqual, value, &Value::constant(0)),
                _ => Condition::Unknown,
            },
            // A carry: left > 2^64 - 1 - right, which no sum expresses; see `branch`.
            Flags::Sum { .. } => Condition::Unknown,
            Flags::Byte(condition) => match code {
                NZ => condition.clone(),
                Z => Condition::Unknown,
                _ => Condition::Unknown,
            },
        }
    }

    pub fn branch(&mut self, state: State, instruction: &Instruction) -> Exit {
        let opcode = instruction.opcode();
        let Some(target) = self.target(instruction) else {
            self.fail("a conditional jump leaves the function");
            return Exit::Ways(Vec::new());
        };
        let (mut taken, mut next) = (state.clone(), state);
        let code = opcode.condition();
        let mut ways = Vec::new();
        match (taken.flags.clone(), code) {
            (Flags::Sum { left, right }, Some(ConditionCode::B | ConditionCode::AE)) => {
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
                let without_carry = if code == Some(ConditionCode::B) { &mut next } else { &mut taken };
                without_carry.assume_no_carry(&self.terms, &left, &right);
                ways = vec![(target, taken), (self.next, next)];
            }
            (Flags::Byte(condition), Some(ConditionCode::Z)) => {
                if taken.assume(&self.terms, &condition, false) {
                    ways.push((target, taken));
                }
                if next.assume(&self.terms, &condition, true) {
                    ways.push((self.next, next));
                }
            }
            _ => {
                let condition = self.condition(&taken, opcode);
                self.note_inequality(&condition);
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

    /// A loop may end where a number is another: then it may be below it before.
    pub fn note_inequality(&mut self, condition: &Condition) {
        if let Condition::Compare { relation: Relation::Equal | Relation::NotEqual, left, right } = condition
            && left.base == right.base
            && let Some(difference) = left.sum.exactly_plus_times(&right.sum, -1)
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
        let stack = &mut state.registers[usize::from(RSP)];
        if *relation == wanted && left == stack && right.offset_from(Base::Stack).is_some() {
            *stack = right.clone();
        } else if *relation == wanted && right == stack && left.offset_from(Base::Stack).is_some() {
            *stack = left.clone();
        }
    }

    /// Where a direct jump inside of the function leads.
    pub fn target(&self, instruction: &Instruction) -> Option<u32> {
        if self.knowledge.image.relocation_in(self.at, self.next).is_some() {
            return None;
        }
        let distance = immediate(&instruction.operand(0))?;
        let target = u32::try_from(i64::from(self.next) + distance).ok()?;
        (self.function.start..self.function.end).contains(&target).then_some(target)
    }

    pub fn conditional_move(&mut self, state: &mut State, instruction: &Instruction) {
        let condition = self.condition(state, instruction.opcode());
        let (old, new) = (self.read(state, instruction, 0), self.read(state, instruction, 1));
        let result = match state.decide(&self.terms, &condition) {
            Some(true) => new,
            Some(false) => old,
            None => {
                // A number in the union of both ranges, as the condition narrows them.
                let (mut moved, mut kept) = (state.clone(), state.clone());
                moved.assume(&self.terms, &condition, true);
                kept.assume(&self.terms, &condition, false);
                let (new_range, old_range) =
                    (moved.range_of(&self.terms, &new.sum), kept.range_of(&self.terms, &old.sum));
                let is_number = new.base.is_none() && old.base.is_none();
                let is_positive = new_range.low >= 0 && old_range.low >= 0;
                let high = u64::try_from(new_range.high.max(old_range.high)).ok().filter(|_| is_number && is_positive);
                self.made(state, RESULT, high.map_or(Range::ALL, Range::upto))
            }
        };
        self.write(state, instruction, 0, result);
    }
}
