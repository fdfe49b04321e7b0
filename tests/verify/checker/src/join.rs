//! Where ways meet: what holds on both.
//!
//! A place that has another value on each way gets a term of the block. Facts are kept if they hold
//! on both ways with what the terms are there.

use crate::state::{Fact, Flags, Range, State};
use crate::value::{Expr, Id, Place, Sum, SumTerms, Terms, Value};
use rustc_hash::FxHashMap;
use smallvec::smallvec;

/// From here on ranges grow in large steps.
const MOST_JOINS: u32 = 3;

/// What comes of two ways that meet at a block. `first` is what came before, whose terms
/// [`Expr::Joined`] of this block stand for; `n_before`: how many ways it is made of.
pub fn join(terms: &mut Terms, block: u32, first: &State, second: &State, n_before: u32) -> State {
    /// From here on what changes is lost.
    const TOO_MANY: u32 = 24;
    let mut joined = first.clone();
    joined.flags = if first.flags == second.flags { first.flags.clone() } else { Flags::Unknown };
    joined.slots.retain(|offset, _| second.slots.contains_key(offset));
    joined.escaped = [first.escaped, second.escaped].into_iter().flatten().min();
    let mut ways = Ways::default();
    let mut ranges: FxHashMap<Id, Range> = FxHashMap::default();
    for (place, _) in joined.places() {
        let (left, right) = (first.get(place).expect("kept"), second.get(place).expect("kept"));
        let id = terms.intern(Expr::Joined { block, place });
        let was_joined = is_own_term(&left.sum, id);
        if left == right && !was_joined {
            continue;
        }
        if let Some(same) = same_signature(terms, first, second, &left, &right) {
            joined.set(place, same);
            continue;
        }
        let base = if left.base == right.base { left.base } else { None };
        // What begins with a constant is that and what it moved by, of which more is known.
        let is_constant = was_joined || left.sum.terms.is_empty();
        let offset = if is_constant && place != Place::Tables { left.sum.constant } else { 0 };
        joined.set(place, Value { base, sum: Sum { terms: smallvec![(id, 1)], constant: offset } });
        let moved = |sum: &Sum| sum.exactly_plus(-offset).expect("constants have 64 bits");
        let (left_sum, right_sum) = (moved(&left.sum), moved(&right.sum));
        let (from, to) = (first.whole_range(terms, &left_sum), second.whole_range(terms, &right_sum));
        let range = from.zip(to).filter(|_| left.base == right.base).map(|(from, to)| {
            let widens = was_joined && n_before > MOST_JOINS;
            let mut range = from.join(to);
            if widens && range.low < from.low {
                range.low = if range.low >= 0 { 0 } else { range.low.min(-(1 << 62)) };
            }
            if widens && range.high > from.high {
                range.high = widened(range.high);
            }
            range
        });
        let is_lost = n_before > TOO_MANY && (!was_joined || range != from);
        match range.filter(|range| range.is_whole() && !is_lost) {
            Some(range) => {
                ranges.insert(id, range);
                if !was_joined {
                    ways.new.push((id, left_sum.clone()));
                }
                ways.first.insert(id, left_sum);
                ways.second.insert(id, right_sum);
            }
            None => {
                // A number that has to do with neither.
                ranges.insert(id, Range::ALL);
                let unknown = Sum::term(terms.intern(Expr::Made { site: u32::MAX, place }));
                ways.first.insert(id, unknown.clone());
                ways.second.insert(id, unknown);
            }
        }
    }
    let is_own = |expr: &Expr| matches!(expr, Expr::Joined { block: other, .. } if *other == block);
    join_knowledge(terms, &is_own, [first, second], &mut joined, &ways, n_before);
    joined.ranges.extend(ranges);
    joined
}

/// Whether a sum is a block's own term, and a constant.
pub fn is_own_term(sum: &Sum, id: Id) -> bool {
    sum.terms[..] == [(id, 1)]
}

/// What the terms of a block are on each of two ways.
#[derive(Default)]
struct Ways {
    first: FxHashMap<Id, Sum>,
    second: FxHashMap<Id, Sum>,
    /// Those that are made here, as on the first way.
    new: Vec<(Id, Sum)>,
}

/// The next of some round numbers.
fn widened(high: i128) -> i128 {
    if high <= u32::MAX.into() { u32::MAX.into() } else { u64::MAX.into() }
}

/// The signature of a reference is 0 where the reference is.
pub fn same_signature(terms: &Terms, first: &State, second: &State, left: &Value, right: &Value) -> Option<Value> {
    let one = |known: &Value, null: &Value, state: &State| {
        let is_null = null.base.is_none() && state.upper(terms, &null.sum) == 0 && state.lower(terms, &null.sum) == 0;
        if !is_null || known.base.is_some() {
            return None;
        }
        let reference = known.sum.terms.iter().find_map(|(id, _)| match terms.expr(*id) {
            Expr::SignatureDistance(reference) => Some((*id, reference.clone())),
            _ => None,
        });
        let (distance, reference) = reference?;
        let is_whole = known.sum == reference.plus_times(&Sum::term(distance), 1)?;
        (is_whole && state.upper(terms, &reference) == 0).then(|| known.clone())
    };
    one(left, right, second).or_else(|| one(right, left, first))
}

fn join_knowledge(
    terms: &Terms,
    is_own: &dyn Fn(&Expr) -> bool,
    [first, second]: [&State; 2],
    joined: &mut State,
    ways: &Ways,
    n_before: u32,
) {
    joined.ranges.clear();
    for (&id, &old) in first.ranges.iter().filter(|(id, _)| !terms.mentions(**id, is_own)) {
        let range = old.join(second.range(terms, id));
        if n_before <= MOST_JOINS || range == old {
            joined.ranges.insert(id, range);
        }
    }
    // Later on facts are only lost, so that this comes to an end.
    let mut candidates: Vec<Fact> = first.facts.clone();
    for (id, sum) in &ways.new {
        candidates.extend(first.facts.iter().filter_map(|fact| rename(fact, *id, sum)));
    }
    if n_before == 1 {
        candidates.extend(second.facts.iter().cloned());
        for (id, sum) in &ways.second {
            candidates.extend(second.facts.iter().filter_map(|fact| rename(fact, *id, sum)));
        }
    }
    joined.facts.clear();
    for fact in candidates {
        let holds = |state: &State, ways: &FxHashMap<Id, Sum>| {
            substitute(&fact.sum, ways).is_some_and(|sum| state.implies(terms, &Fact { sum, limit: fact.limit }))
        };
        // The block's terms within others are those of the last round.
        let is_plain = fact.sum.terms.iter().all(|(id, _)| is_own(terms.expr(*id)) || !terms.mentions(*id, is_own));
        if is_plain && holds(first, &ways.first) && holds(second, &ways.second) {
            joined.add_fact(terms, fact);
        }
    }
    joined.words.retain(|entry| {
        let is_old = [&entry.0, &entry.1].into_iter().any(|value| terms.sum_mentions(&value.sum, is_own));
        second.words.contains(entry) && !is_old
    });
    joined.signatures.retain(|entry| second.signatures.contains(entry) && !terms.sum_mentions(&entry.0, is_own));
}

/// A fact of the term that `sum` is, as one of the block's own term.
fn rename(fact: &Fact, own: Id, sum: &Sum) -> Option<Fact> {
    let [(id, 1)] = sum.terms[..] else { return None };
    let factor = fact.sum.factor(id);
    if factor == 0 || id == own {
        return None;
    }
    // id = own - constant
    let without = fact.sum.exactly_plus_times(&Sum::term(id), -factor)?;
    let replacement = Sum { terms: smallvec![(own, 1)], constant: -sum.constant };
    Some(Fact { sum: without.exactly_plus_times(&replacement, factor)?, limit: fact.limit })
}

/// A sum with the block's own terms as they are on a way.
pub fn substitute(sum: &Sum, ways: &FxHashMap<Id, Sum>) -> Option<Sum> {
    let mut result = Sum { terms: SumTerms::new(), constant: sum.constant };
    for &(id, factor) in &sum.terms {
        let part = ways.get(&id).cloned().unwrap_or_else(|| Sum::term(id));
        result = result.exactly_plus_times(&part, factor)?;
    }
    Some(result)
}
