//! What may hold at the head of a loop in each round: guessed here from how numbers move, taken for
//! true by [`crate::flow`], and checked there on every way into the loop.

use crate::join::is_own_term;
use crate::machine::{Machine, Processor};
use crate::state::{Fact, Range, State};
use crate::value::{Expr, Id, Place, Sum, Value};
use std::collections::BTreeMap;

/// With how many others a number is compared that has no bound by itself.
const MOST_PAIRS: usize = 2;

/// At the beginning of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    pub block: u32,
    pub claim: Claim,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The sum is at most 0.
    AtMost(Sum),
    /// The place has the low 32 bits of the sum.
    Low(Place, Sum),
}

impl Claim {
    pub fn sum(&self) -> &Sum {
        let (Claim::AtMost(sum) | Claim::Low(_, sum)) = self;
        sum
    }

    /// Takes it for true.
    pub fn assume<P: Processor>(&self, machine: &mut Machine<P>, state: &mut State) {
        match self {
            Claim::AtMost(sum) => state.add_fact(&machine.terms, Fact { sum: sum.clone(), limit: None }),
            Claim::Low(place, sum) => {
                let value = state.low_half(&mut machine.terms, &Value::number(sum.clone()));
                state.set(*place, value);
            }
        }
    }

    /// Whether it is so on a way to the block, on which its sum is that.
    pub fn holds<P: Processor>(&self, machine: &mut Machine<P>, state: &State, sum: Sum) -> bool {
        match self {
            Claim::AtMost(_) => state.implies(&machine.terms, &Fact { sum, limit: None }),
            Claim::Low(place, _) => {
                let value = state.low_half(&mut machine.terms, &Value::number(sum));
                state.get(*place) == Some(value)
            }
        }
    }
}

/// What moves by a constant in each round of a loop may stay on one side of where it began, and
/// what is made of another number in each round may be a copy of it.
pub fn note_steps<P: Processor>(machine: &mut Machine<P>, block: u32, before: &State, state: &State) {
    for (place, value) in state.places() {
        let own = machine.terms.intern(Expr::Joined { block, place });
        let Some(old) = before.get(place).filter(|old| old.base == value.base) else { continue };
        if !is_own_term(&old.sum, own) {
            machine.first.insert(own, old.sum);
            continue;
        }
        if let Some(Expr::Low(sum)) = value.sum.as_term().map(|id| machine.terms.expr(id))
            && sum.factor(own) != 0
        {
            machine.wrapping.insert(own);
        }
        let step = value.sum.exactly_plus_times(&old.sum, -1).and_then(|it| it.as_constant());
        if let [(other, 1)] = value.sum.terms[..]
            && other != own
            && matches!(*machine.terms.expr(other), Expr::Joined { block: of, .. } if of == block)
        {
            let distance = Sum::term(own).exactly_plus_times(&Sum::term(other), -1);
            machine.copies.extend(distance.filter(|distance| !machine.copies.contains(distance)));
        }
        if let Some(step) = step {
            let known = machine.steps.entry(own).or_insert(step);
            *known = if *known == step { step } else { 0 };
        }
        let first = machine.first.get(&own).filter(|first| !first.terms.is_empty());
        if let (Some(step), Some(first)) = (step.filter(|step| *step != 0), first) {
            let sign = if step > 0 { -1 } else { 1 };
            let behind = Sum::default().exactly_plus_times(&Sum::term(own), sign);
            let sum = behind.and_then(|sum| sum.exactly_plus_times(first, -sign));
            machine.unequal.extend(sum.filter(|sum| !machine.unequal.contains(sum)));
        }
    }
}

/// Inequalities at the heads of loops: either way round where a loop may end and where a number may
/// be another's copy, and between what moves.
pub fn at_heads<P: Processor>(
    machine: &Machine<P>,
    entries: &BTreeMap<u32, State>,
    known: &[Guess],
    refuted: &[Guess],
) -> Vec<Guess> {
    let mut new = Vec::new();
    let mut add = |guess: Guess| {
        if !known.contains(&guess) && !refuted.contains(&guess) && !new.contains(&guess) {
            new.push(guess);
        }
    };
    for sum in machine.unequal.iter().chain(&machine.copies) {
        for (id, _) in &sum.terms {
            let Expr::Joined { block, .. } = *machine.terms.expr(*id) else { continue };
            let negative = Sum::default().exactly_plus_times(sum, -1);
            let both = [Some(sum.clone()), negative].into_iter().flatten();
            both.for_each(|sum| add(Guess { block, claim: Claim::AtMost(sum) }));
        }
    }
    let pairs = pairs(machine, entries).into_iter().map(|(block, sum)| Guess { block, claim: Claim::AtMost(sum) });
    pairs.chain(halves(machine, entries)).for_each(add);
    new
}

/// Two numbers that move by constants keep their ratio: what has no bound by itself may have one by
/// another one's.
fn pairs<P: Processor>(machine: &Machine<P>, entries: &BTreeMap<u32, State>) -> Vec<(u32, Sum)> {
    let block_of = |id: Id| match *machine.terms.expr(id) {
        Expr::Joined { block, .. } => Some(block),
        _ => None,
    };
    let moving = || machine.steps.iter().filter(|(_, step)| **step != 0).map(|(&id, &step)| (id, step));
    let is_bound = |id: Id, step: i64| {
        let range = block_of(id).and_then(|block| entries.get(&block)).map(|state| state.range(&machine.terms, id));
        // What got lost in the loop has any number.
        let range = range.filter(|range| *range != Range::ALL);
        range.is_some_and(|range| if step > 0 { range.high <= 1 << 34 } else { range.low >= 0 })
    };
    let ends = |id: Id| machine.unequal.iter().any(|sum| sum.factor(id) != 0);
    let mut pairs = Vec::new();
    for (own, step) in moving().filter(|&(own, step)| !is_bound(own, step)) {
        let Some(block) = block_of(own) else { continue };
        let others = moving().filter(|&(other, by)| {
            other != own && block_of(other) == Some(block) && (ends(other) || is_bound(other, by))
        });
        pairs.extend(others.take(MOST_PAIRS).filter_map(|other| Some((block, ratio(machine, (own, step), other)?))));
    }
    pairs
}

/// The first number has not moved further than its step and the second one's tell.
fn ratio<P: Processor>(machine: &Machine<P>, (own, step): (Id, i64), (other, by): (Id, i64)) -> Option<Sum> {
    let distance = |id: Id| {
        let first = machine.first.get(&id)?;
        // What begins with a constant is counted from there.
        let first = if first.terms.is_empty() { Sum::default() } else { first.clone() };
        Sum::term(id).exactly_plus_times(&first, -1)
    };
    // own / step = other / by, with step · by · both sides at least 0.
    let sign = step.signum();
    let left = Sum::default().exactly_plus_times(&distance(own)?, by.checked_abs()?.checked_mul(sign)?)?;
    left.exactly_plus_times(&distance(other)?, step.checked_abs()?.checked_neg()?.checked_mul(by.signum())?)
}

/// A number of 32 bits that wraps, and another one that moves by the same: the first is the low
/// half of the second, as far from it as where both began.
fn halves<P: Processor>(machine: &Machine<P>, entries: &BTreeMap<u32, State>) -> Vec<Guess> {
    let joined = |id: Id| match *machine.terms.expr(id) {
        Expr::Joined { block, place } => Some((block, place)),
        _ => None,
    };
    let mut halves = Vec::new();
    for &own in &machine.wrapping {
        let Some((block, place)) = joined(own) else { continue };
        let step = machine.steps.get(&own).filter(|step| **step != 0);
        let others = machine.steps.iter().filter(|(other, by)| **other != own && Some(*by) == step);
        let others = others.filter_map(|(&other, _)| Some((other, joined(other).filter(|it| it.0 == block)?.1)));
        let sums = others.filter_map(|(other, from)| {
            let whole = entries.get(&block)?.get(from)?.sum;
            let distance = machine.first.get(&own)?.exactly_plus_times(machine.first.get(&other)?, -1)?;
            whole.exactly_plus_times(&distance, 1)
        });
        halves.extend(sums.take(MOST_PAIRS).map(|sum| Guess { block, claim: Claim::Low(place, sum) }));
    }
    halves
}
