//! What is known at a point of a function: values of registers and slots, ranges of terms, and
//! facts that compares left.
//!
//! A term stands for a whole number whose remainder modulo 2^64 is the value. A fact is an
//! inequality of whole numbers, so a proof never depends on a sum that wraps.

use crate::image::SymbolNumber;
use crate::value::{Condition, Expr, Id, Place, Relation, Sum, SumTerms, Terms, Value};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// Of a term: its bounds, both inclusive, and a number of which it is a multiple (0: it is 0).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Range {
    pub low: i128,
    pub high: i128,
    pub multiple: u64,
}

impl Range {
    pub const ALL: Range = Range { low: 0, high: u64::MAX as i128, multiple: 1 };

    pub fn upto(high: u64) -> Range {
        Range { low: 0, high: i128::from(high), multiple: 1 }
    }

    /// Addresses of objects.
    pub const OBJECTS: Range = Range { low: 0, high: 1 << 47, multiple: 8 };

    pub fn of_bytes(bytes: u32) -> Range {
        if bytes >= 8 { Range::ALL } else { Range::upto((1 << (8 * bytes)) - 1) }
    }

    /// Whether 64 bits, with or without a sign, hold all of it.
    pub fn is_whole(self) -> bool {
        let is_signed = self.low >= -(1 << 63) && self.high < 1 << 63;
        is_signed || self.low >= 0 && self.high <= u64::MAX.into()
    }

    pub fn join(self, other: Range) -> Range {
        Range {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            multiple: gcd(self.multiple, other.multiple),
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A number that only grows while the program runs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of a memory.
    Size(SymbolNumber),
    /// Entries of a table.
    Length(SymbolNumber),
    /// Bytes or entries of a segment, before it is dropped.
    Segment(SymbolNumber),
}

/// `sum` is at most the limit, or at most 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub sum: Sum,
    pub limit: Option<Limit>,
}

/// What the last instruction that set flags compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Flags {
    Unknown,
    /// `left - right`, in so many bytes, already reduced to them.
    Compare {
        left: Value,
        right: Value,
        width: u32,
    },
    /// The result with 0.
    Result(Value),
    /// The sum of two numbers of 64 bits.
    Sum {
        left: Sum,
        right: Sum,
    },
    /// A byte that a condition made.
    Byte(Condition),
}

#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// As many as the processor has.
    pub registers: Vec<Value>,
    pub slots: BTreeMap<i64, Value>,
    pub tables: Id,
    pub ranges: FxHashMap<Id, Range>,
    pub facts: Vec<Fact>,
    pub flags: Flags,
    /// Sums that were found to be a signature.
    pub signatures: Vec<(Sum, SymbolNumber)>,
    /// Words of tables that were just written, by address.
    pub words: Vec<(Value, Value)>,
    /// The lowest place in the frame whose address left the function's registers.
    pub escaped: Option<i64>,
}

const MOST_FACTS: usize = 40;
const DEPTH: u32 = 2;

impl State {
    pub fn range(&self, terms: &Terms, id: Id) -> Range {
        if let Some(range) = self.ranges.get(&id) {
            return *range;
        }
        match terms.expr(id) {
            Expr::Low(_) | Expr::LowAddress(..) => Range::upto(u32::MAX.into()),
            Expr::Flag { whole: true, .. } => Range::upto(1),
            Expr::Matches { .. } => Range::upto(u32::MAX.into()),
            // Signed.
            Expr::SignatureDistance(_) | Expr::Jump { size: 4, .. } => {
                Range { low: i32::MIN.into(), high: i32::MAX.into(), multiple: 1 }
            }
            Expr::Jump { size, .. } => Range::of_bytes(*size),
            _ => Range::ALL,
        }
    }

    /// The greatest number that a sum can be.
    pub fn upper(&self, terms: &Terms, sum: &Sum) -> i128 {
        self.upper_within(terms, sum, DEPTH, i128::MIN)
    }

    pub fn lower(&self, terms: &Terms, sum: &Sum) -> i128 {
        match Sum::default().exactly_plus_times(sum, -1) {
            Some(negative) => -self.upper(terms, &negative),
            None => i128::MIN / 4,
        }
    }

    pub fn is_at_most(&self, terms: &Terms, sum: &Sum, high: i128) -> bool {
        self.upper_within(terms, sum, DEPTH, high) <= high
    }

    /// As [`State::is_between`], by one fact more, which takes long.
    pub fn is_surely_between(&self, terms: &Terms, sum: &Sum, low: i128, high: i128) -> bool {
        let is_at_most = |sum: &Sum, high: i128| {
            self.is_at_most(terms, sum, high) || self.upper_within(terms, sum, DEPTH + 1, high) <= high
        };
        let negative = Sum::default().exactly_plus_times(sum, -1);
        negative.is_some_and(|negative| is_at_most(&negative, -low)) && is_at_most(sum, high)
    }

    pub fn is_at_least(&self, terms: &Terms, sum: &Sum, low: i128) -> bool {
        let negative = Sum::default().exactly_plus_times(sum, -1);
        negative.is_some_and(|negative| self.is_at_most(terms, &negative, -low))
    }

    pub fn is_between(&self, terms: &Terms, sum: &Sum, low: i128, high: i128) -> bool {
        self.is_at_least(terms, sum, low) && self.is_at_most(terms, sum, high)
    }

    /// A number that the sum is not above: the least that so many facts together tell, or one that
    /// is at most `enough`.
    fn upper_within(&self, terms: &Terms, sum: &Sum, n_facts: u32, enough: i128) -> i128 {
        let mut best = sum.terms.iter().fold(sum.constant, |total, &term| total.saturating_add(self.most(terms, term)));
        if n_facts == 0 || sum.terms.is_empty() {
            return best;
        }
        for fact in self.facts.iter().filter(|fact| fact.limit.is_none()) {
            if best <= enough {
                break;
            }
            let Some((of_fact, of_sum)) = common(sum, &fact.sum) else { continue };
            // A quotient is at most `enough` if its dividend is below the next one's.
            let times = i128::from(of_sum);
            let upper = match n_facts {
                1 => self.plain_upper(terms, sum, of_sum, &fact.sum, of_fact),
                _ => reduce(sum, of_sum, &fact.sum, of_fact).map(|rest| {
                    let enough = enough.saturating_mul(times).saturating_add(times - 1);
                    self.upper_within(terms, &rest, n_facts - 1, enough)
                }),
            };
            best = upper.map_or(best, |upper| best.min(upper.div_euclid(times)));
        }
        best
    }

    /// The most that a term adds.
    fn most(&self, terms: &Terms, (id, factor): (Id, i64)) -> i128 {
        let Range { low, high, .. } = self.range(terms, id);
        i128::from(factor).saturating_mul(if factor > 0 { high } else { low })
    }

    /// What ranges tell of [`reduce`]'s result, which is not made for it.
    fn plain_upper(&self, terms: &Terms, sum: &Sum, of_sum: i64, fact: &Sum, of_fact: i64) -> Option<i128> {
        let scaled = sum.constant.checked_mul(of_sum.into())?;
        let mut total = scaled.checked_sub(fact.constant.checked_mul(of_fact.into())?)?;
        let mut others = fact.terms.iter().peekable();
        let negative = |factor: i64| factor.checked_mul(of_fact)?.checked_neg();
        for &(id, factor) in &sum.terms {
            while let Some(&&(other, factor)) = others.peek().filter(|other| other.0 < id) {
                total = total.saturating_add(self.most(terms, (other, negative(factor)?)));
                others.next();
            }
            let mut factor = factor.checked_mul(of_sum)?;
            if let Some(&(_, other)) = others.next_if(|other| other.0 == id) {
                factor = factor.checked_add(negative(other)?)?;
            }
            if factor != 0 {
                total = total.saturating_add(self.most(terms, (id, factor)));
            }
        }
        for &(other, factor) in others {
            total = total.saturating_add(self.most(terms, (other, negative(factor)?)));
        }
        Some(total)
    }

    /// Whether `sum` is at most the limit and `slack` more.
    pub fn is_within(&self, terms: &Terms, sum: &Sum, limit: Limit, slack: i128) -> bool {
        let facts = self.facts.iter().filter(|fact| fact.limit == Some(limit));
        facts.into_iter().any(|fact| {
            let rest = sum.exactly_plus_times(&fact.sum, -1);
            rest.is_some_and(|rest| self.is_at_most(terms, &rest, slack))
        })
    }

    /// A number of which the sum is a multiple.
    pub fn multiple(&self, terms: &Terms, sum: &Sum) -> u64 {
        sum.terms.iter().fold(u64::try_from(sum.constant.unsigned_abs()).unwrap_or(1), |common, &(id, factor)| {
            let each = self.range(terms, id).multiple;
            gcd(common, each.checked_mul(factor.unsigned_abs()).unwrap_or(1))
        })
    }

    /// Whether a sum is what 64 bits hold: then the register has just this number.
    pub fn is_exact(&self, terms: &Terms, sum: &Sum) -> bool {
        self.is_between(terms, sum, 0, u64::MAX.into())
    }

    pub fn low_half(&self, terms: &mut Terms, value: &Value) -> Value {
        let sum = &value.sum;
        if value.base.is_none() && self.is_between(terms, sum, 0, u32::MAX.into()) {
            return value.clone();
        }
        if let Some(constant) = value.as_constant() {
            return Value::constant(constant & 0xffff_ffff);
        }
        if let Some(base) = value.base {
            return Value::term(terms.intern(Expr::LowAddress(base, sum.clone())));
        }
        // What is low already is taken apart, so that equal sums look alike.
        let mut flat = Sum { terms: SumTerms::new(), constant: sum.constant };
        for &(id, factor) in &sum.terms {
            let part = match terms.expr(id) {
                Expr::Low(inner) if !inner.terms.is_empty() => inner.clone(),
                _ => Sum::term(id),
            };
            match flat.plus_times(&part, factor) {
                Some(sum) => flat = sum,
                None => return Value::term(terms.intern(Expr::Low(sum.clone()))),
            }
        }
        for term in &mut flat.terms {
            term.1 = (term.1 << 32) >> 32;
        }
        flat.terms.retain(|term| term.1 != 0);
        flat.constant = (flat.constant as i32).into();
        if self.is_between(terms, &flat, 0, u32::MAX.into()) {
            return Value::number(flat);
        }
        Value::term(terms.intern(Expr::Low(flat)))
    }

    pub fn add_fact(&mut self, terms: &Terms, fact: Fact) {
        if fact.limit.is_none()
            && let [(id, factor)] = fact.sum.terms[..]
        {
            // A range is enough: factor · term ≤ -constant.
            let mut range = self.range(terms, id);
            let bound = -fact.sum.constant;
            match factor {
                1.. => range.high = range.high.min(bound.div_euclid(factor.into())),
                _ => range.low = range.low.max(-bound.div_euclid(-i128::from(factor))),
            }
            let known = self.range(terms, id);
            self.ranges.insert(id, range);
            if let (Expr::Shifted { sum, by }, true) = (terms.expr(id), range != known) {
                self.add_bounds_of_shifted(terms, sum, *by, range);
            }
            return;
        }
        // What ranges tell alone needs no place among the facts.
        let is_plain = fact.limit.is_none() && self.upper_within(terms, &fact.sum, 0, 0) <= 0;
        if is_plain || fact.sum.terms.is_empty() && fact.limit.is_none() || self.facts.contains(&fact) {
            return;
        }
        let is_alike = |other: &Fact| other.limit == fact.limit && other.sum.terms == fact.sum.terms;
        if let Some(other) = self.facts.iter_mut().find(|other| is_alike(other)) {
            other.sum.constant = other.sum.constant.max(fact.sum.constant);
            return;
        }
        if self.facts.len() >= MOST_FACTS {
            self.facts.remove(0);
        }
        self.facts.push(fact);
    }

    /// What is known of a number of which the bits above the lowest `by` are in a range.
    fn add_bounds_of_shifted(&mut self, terms: &Terms, sum: &Sum, by: u32, range: Range) {
        let scale = 1i128 << by;
        let most = range.high.checked_add(1).and_then(|high| high.checked_mul(scale)?.checked_sub(1));
        let upper = most.and_then(|most| sum.exactly_plus(-most));
        let least = Sum::default().exactly_plus_times(sum, -1);
        let lower = range.low.checked_mul(scale).and_then(|low| least?.exactly_plus(low));
        for sum in [upper, lower].into_iter().flatten() {
            self.add_fact(terms, Fact { sum, limit: None });
        }
    }

    /// A number that may wrap, as one of 64 bits: wherever it stands.
    pub fn wrap(&mut self, terms: &mut Terms, sum: &Sum) -> Sum {
        if sum.terms.is_empty() || self.is_exact(terms, sum) {
            return sum.clone();
        }
        let wrapped = Sum::term(terms.intern(Expr::Wrapped(sum.clone())));
        self.replace(sum, &wrapped);
        wrapped
    }

    /// Gives a number another form in all registers and slots.
    pub fn replace(&mut self, old: &Sum, new: &Sum) {
        let old = Value::number(old.clone());
        for value in self.registers.iter_mut().chain(self.slots.values_mut()) {
            if *value == old {
                *value = Value::number(new.clone());
            }
        }
    }

    /// All places with their values.
    pub fn places(&self) -> Vec<(Place, Value)> {
        let registers = (0u8..).zip(&self.registers).map(|(number, value)| (Place::Register(number), value.clone()));
        let slots = self.slots.iter().map(|(&offset, value)| (Place::Slot(offset), value.clone()));
        let tables = (Place::Tables, Value::term(self.tables));
        registers.chain(slots).chain([tables]).collect()
    }

    pub fn set(&mut self, place: Place, value: Value) {
        match place {
            Place::Register(number) => self.registers[usize::from(number)] = value,
            Place::Slot(offset) => {
                self.slots.insert(offset, value);
            }
            Place::Tables => self.tables = value.sum.as_term().expect("it is one"),
        }
    }

    pub fn get(&self, place: Place) -> Option<Value> {
        match place {
            Place::Register(number) => Some(self.registers[usize::from(number)].clone()),
            Place::Slot(offset) => self.slots.get(&offset).cloned(),
            Place::Tables => Some(Value::term(self.tables)),
        }
    }

    /// Before an instruction that ran before makes its terms again: what still has the old ones
    /// gets other names, and what is known of them is forgotten.
    pub fn forget_site(&mut self, terms: &mut Terms, site: u32) {
        let Some(old) = terms.of_site(site) else { return };
        let is_old = |sum: &Sum| sum.terms.iter().any(|(id, _)| old.contains(id));
        let places: Vec<(Place, Value)> = self
            .all_places()
            .filter(|(_, value)| is_old(&value.sum))
            .map(|(place, value)| (place, value.clone()))
            .collect();
        let tables = old.contains(&self.tables).then(|| (Place::Tables, Value::term(self.tables)));
        let places: Vec<_> = places.into_iter().chain(tables).collect();
        let ranges: Vec<Range> = places.iter().map(|(_, value)| self.range_of(terms, &value.sum)).collect();
        self.forget(old);
        for ((place, value), range) in places.into_iter().zip(ranges) {
            let id = terms.intern(Expr::Made { site, place });
            self.set(place, Value { base: value.base, sum: Sum::term(id) });
            self.ranges.insert(id, range);
        }
    }

    pub fn all_places(&self) -> impl Iterator<Item = (Place, &Value)> {
        let registers = (0u8..).zip(&self.registers).map(|(number, value)| (Place::Register(number), value));
        registers.chain(self.slots.iter().map(|(&offset, value)| (Place::Slot(offset), value)))
    }

    /// Forgets what is known of terms.
    pub fn forget(&mut self, old: &FxHashSet<Id>) {
        let is_old = |sum: &Sum| sum.terms.iter().any(|(id, _)| old.contains(id));
        match old.len() < self.ranges.len() {
            true => old.iter().for_each(|id| {
                self.ranges.remove(id);
            }),
            false => self.ranges.retain(|id, _| !old.contains(id)),
        }
        self.facts.retain(|fact| !is_old(&fact.sum));
        self.signatures.retain(|(sum, _)| !is_old(sum));
        self.words.retain(|(address, word)| !is_old(&address.sum) && !is_old(&word.sum));
        let is_concerned = match &self.flags {
            Flags::Unknown => false,
            Flags::Compare { left, right, .. } => is_old(&left.sum) || is_old(&right.sum),
            Flags::Result(value) => is_old(&value.sum),
            Flags::Sum { left, right } => is_old(left) || is_old(right),
            Flags::Byte(condition) => condition.sums().into_iter().any(is_old),
        };
        if is_concerned {
            self.flags = Flags::Unknown;
        }
    }

    /// Forgets the ranges of terms that no place has any more, nor anything made of them.
    pub fn prune(&mut self, terms: &Terms) {
        let mut live: FxHashSet<Id> = FxHashSet::default();
        let places = self.all_places().map(|(_, value)| &value.sum);
        let sums = places.chain(self.facts.iter().map(|fact| &fact.sum)).chain(self.signatures.iter().map(|it| &it.0));
        for sum in sums.chain(self.words.iter().flat_map(|(address, word)| [&address.sum, &word.sum])) {
            sum.terms.iter().for_each(|(id, _)| live.extend(terms.leaves(*id)));
        }
        self.ranges.retain(|id, _| terms.leaves(*id).iter().all(|leaf| live.contains(leaf)));
    }

    pub fn implies(&self, terms: &Terms, fact: &Fact) -> bool {
        match fact.limit {
            None => self.is_at_most(terms, &fact.sum, 0),
            Some(limit) => self.is_within(terms, &fact.sum, limit, 0),
        }
    }

    /// As a range of whole numbers; all that 64 bits hold if it may leave those.
    pub fn range_of(&self, terms: &Terms, sum: &Sum) -> Range {
        self.whole_range(terms, sum).unwrap_or(Range::ALL)
    }

    /// Whether a term can stand for a sum.
    pub fn is_number(&self, terms: &Terms, sum: &Sum) -> bool {
        self.whole_range(terms, sum).is_some()
    }

    /// The range of a sum that a term can stand for: it may be negative, as long as 64 bits hold
    /// it.
    pub fn whole_range(&self, terms: &Terms, sum: &Sum) -> Option<Range> {
        let (low, high) = (self.lower(terms, sum), self.upper(terms, sum));
        let range = Range { low, high, multiple: self.multiple(terms, sum) };
        range.is_whole().then_some(range)
    }
}

/// How many times a fact, and how many times a sum, so that a term goes away that both have.
fn common(sum: &Sum, fact: &Sum) -> Option<(i64, i64)> {
    let (of_fact, of_sum) = sum.terms.iter().find_map(|&(id, factor)| {
        let other = fact.factor(id);
        let has_both = other != 0 && (factor > 0) == (other > 0);
        has_both.then(|| {
            let divisor = gcd(factor.unsigned_abs(), other.unsigned_abs());
            (factor.unsigned_abs() / divisor, other.unsigned_abs() / divisor)
        })
    })?;
    Some((i64::try_from(of_fact).ok()?, i64::try_from(of_sum).ok()?))
}

/// So many times `sum` without so many times `fact`.
fn reduce(sum: &Sum, of_sum: i64, fact: &Sum, of_fact: i64) -> Option<Sum> {
    let scaled = if of_sum == 1 { sum.clone() } else { Sum::default().exactly_plus_times(sum, of_sum)? };
    scaled.exactly_plus_times(fact, -of_fact)
}

impl Relation {
    pub fn is_signed(self) -> bool {
        use Relation::{SignedAbove, SignedAtLeast, SignedAtMost, SignedBelow};
        matches!(self, SignedBelow | SignedAtMost | SignedAbove | SignedAtLeast)
    }

    pub fn negated(self) -> Relation {
        match self {
            Relation::Equal => Relation::NotEqual,
            Relation::NotEqual => Relation::Equal,
            Relation::Below => Relation::AtLeast,
            Relation::AtLeast => Relation::Below,
            Relation::Above => Relation::AtMost,
            Relation::AtMost => Relation::Above,
            Relation::SignedBelow => Relation::SignedAtLeast,
            Relation::SignedAtLeast => Relation::SignedBelow,
            Relation::SignedAbove => Relation::SignedAtMost,
            Relation::SignedAtMost => Relation::SignedAbove,
        }
    }
}
