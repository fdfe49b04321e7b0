//! Compares: what follows for a state if they hold, or do not.

use crate::state::{Fact, State};
use crate::value::{Base, Condition, Expr, Relation, Sum, SumTerms, Terms, Value};

/// A constant as 64 bits with a sign.
pub fn signed(value: &Value) -> Value {
    match value.sum.terms[..] {
        [] if value.sum.constant >= 1 << 63 => {
            Value { base: value.base, sum: Sum { terms: SumTerms::new(), constant: value.sum.constant - (1 << 64) } }
        }
        _ => value.clone(),
    }
}

impl State {
    /// Takes a condition for true, or for false. Returns whether that can be.
    pub fn assume(&mut self, terms: &Terms, condition: &Condition, holds: bool) -> bool {
        match condition {
            Condition::Unknown => true,
            Condition::And(left, right) => !holds || self.assume(terms, left, true) && self.assume(terms, right, true),
            Condition::Compare { relation, left, right } => {
                let relation = if holds { *relation } else { relation.negated() };
                self.assume_relation(terms, relation, left, right)
            }
        }
    }

    fn assume_relation(&mut self, terms: &Terms, relation: Relation, left: &Value, right: &Value) -> bool {
        match relation {
            Relation::Above => return self.assume_relation(terms, Relation::Below, right, left),
            Relation::AtLeast => return self.assume_relation(terms, Relation::AtMost, right, left),
            Relation::SignedAbove => return self.assume_relation(terms, Relation::SignedBelow, right, left),
            Relation::SignedAtLeast => return self.assume_relation(terms, Relation::SignedAtMost, right, left),
            Relation::SignedBelow | Relation::SignedAtMost => {
                return self.assume_signed(terms, relation == Relation::SignedBelow, left, right);
            }
            _ => {}
        }
        if let Relation::Equal | Relation::NotEqual = relation
            && let Some(possible) = self.assume_identity(terms, relation, left, right)
        {
            return possible;
        }
        // The runtime says whether a signature is another's subtype.
        if let (Relation::NotEqual, Some(0), Some(id)) = (relation, right.as_constant(), left.sum.as_term())
            && let Expr::Matches { actual, expected } = terms.expr(id)
        {
            self.signatures.push((actual.clone(), *expected));
        }
        // Addresses from one base compare as their distances do, as far as those are small.
        if left.base != right.base {
            return true;
        }
        if let (Relation::Below | Relation::AtMost, None) = (relation, left.base) {
            // A number below 0 would be a large one here.
            let is_small = self.is_between(terms, &left.sum, -(1 << 62), (1 << 62) - 1);
            let is_bound = self.is_between(terms, &right.sum, 0, (1 << 63) - 1);
            if is_small && is_bound && !self.assume_at_most(terms, &Sum::default(), &left.sum, 0) {
                return false;
            }
        }
        let is_near = |sum: &Sum| self.is_between(terms, sum, 0, (1 << 46) - 1);
        let is_distance = |sum: &Sum| self.is_between(terms, sum, -(1 << 61), (1 << 61) - 1);
        let is_identity = matches!(relation, Relation::Equal | Relation::NotEqual);
        // Small numbers are the same if they are the same modulo 2^64, whatever their sign.
        let small = [signed(left), signed(right)];
        let are_small = is_identity && small.iter().all(|value| is_distance(&value.sum));
        let (left, right) = if are_small { (&small[0], &small[1]) } else { (left, right) };
        let is_known = match left.base {
            _ if are_small => true,
            Some(_) if is_identity => false,
            None => self.is_exact(terms, &left.sum) && self.is_exact(terms, &right.sum),
            Some(_) => is_near(&left.sum) && is_near(&right.sum),
        };
        if relation == Relation::NotEqual && !is_known && left.base.is_none() && right.as_constant() == Some(0) {
            // It would be 0 if it had wrapped.
            let is_positive = self.is_between(terms, &left.sum, 1, 1 << 64);
            let bound = left.sum.exactly_plus(-i128::from(u64::MAX)).filter(|_| is_positive);
            bound.into_iter().for_each(|sum| self.add_fact(terms, Fact { sum, limit: None }));
            return true;
        }
        let Some(difference) = left.sum.exactly_plus_times(&right.sum, -1).filter(|_| is_known) else { return true };
        let step = i128::from(self.multiple(terms, &difference).max(1));
        match relation {
            Relation::Equal => {
                self.assume_at_most(terms, &left.sum, &right.sum, 0)
                    && self.assume_at_most(terms, &right.sum, &left.sum, 0)
            }
            Relation::NotEqual => {
                let (low, high) = (self.lower(terms, &difference), self.upper(terms, &difference));
                match () {
                    () if low == 0 && high == 0 => false,
                    () if high <= 0 => self.assume_at_most(terms, &left.sum, &right.sum, step),
                    () if low >= 0 => self.assume_at_most(terms, &right.sum, &left.sum, step),
                    () => true,
                }
            }
            Relation::Below => self.assume_at_most(terms, &left.sum, &right.sum, step),
            _ => self.assume_at_most(terms, &left.sum, &right.sum, 0),
        }
    }

    /// `left < right` or `left ≤ right` of numbers of 64 bits with a sign: these are the whole
    /// numbers where those are small.
    fn assume_signed(&mut self, terms: &Terms, is_strict: bool, left: &Value, right: &Value) -> bool {
        let [left, right] = [signed(left), signed(right)];
        let is_small = |value: &Value| self.is_between(terms, &value.sum, -(1 << 62), (1 << 62) - 1);
        if left.base.is_some() || right.base.is_some() || !is_small(&left) || !is_small(&right) {
            return true;
        }
        self.assume_at_most(terms, &left.sum, &right.sum, is_strict.into())
    }

    /// Addresses: which are never null, and signatures. `None` where nothing of it is concerned.
    fn assume_identity(&mut self, terms: &Terms, relation: Relation, left: &Value, right: &Value) -> Option<bool> {
        let (address, other) = match (left.base, right.base) {
            (Some(_), None) => (left, right),
            (None, Some(_)) => (right, left),
            _ => return None,
        };
        let is_equal = relation == Relation::Equal;
        let offset = address.sum.as_constant();
        if other.as_constant() == Some(0) && offset.is_some() {
            return Some(!is_equal);
        }
        if let (Some(Base::Symbol(symbol)), Some(0), true) = (address.base, offset, is_equal) {
            self.signatures.push((other.sum.clone(), symbol));
            return Some(self.upper(terms, &other.sum) != 0);
        }
        None
    }

    /// `left + by ≤ right`. Returns whether that can be.
    fn assume_at_most(&mut self, terms: &Terms, left: &Sum, right: &Sum, by: i128) -> bool {
        let Some(sum) = left.exactly_plus_times(right, -1).and_then(|it| it.exactly_plus(by)) else { return true };
        if self.is_at_least(terms, &sum, 1) {
            return false;
        }
        // What is at most a number that is within a limit is within the limit.
        let mut more = Vec::new();
        for fact in self.facts.iter().filter(|fact| fact.limit.is_some()) {
            // fact.sum ≤ limit, and left + by ≤ right.
            let rest = fact.sum.exactly_plus_times(right, -1).filter(|it| it.terms.is_empty());
            let moved = rest.and_then(|rest| left.exactly_plus(by)?.exactly_plus(rest.constant));
            more.extend(moved.map(|sum| Fact { sum, limit: fact.limit }));
        }
        let high = self.upper(terms, right);
        if !right.terms.is_empty()
            && let Some(sum) = left.exactly_plus(by).and_then(|it| it.exactly_plus(-high))
        {
            more.push(Fact { sum, limit: None });
        }
        self.add_fact(terms, Fact { sum, limit: None });
        for fact in more {
            self.add_fact(terms, fact);
        }
        true
    }

    /// `left + right` fits into 64 bits.
    pub fn assume_no_carry(&mut self, terms: &Terms, left: &Sum, right: &Sum) {
        if self.is_exact(terms, left)
            && self.is_exact(terms, right)
            && let Some(sum) = left.exactly_plus_times(right, 1).and_then(|it| it.exactly_plus(-i128::from(u64::MAX)))
        {
            self.add_fact(terms, Fact { sum, limit: None });
        }
    }

    /// Whether a condition is known to hold or not to hold.
    pub fn decide(&self, terms: &Terms, condition: &Condition) -> Option<bool> {
        if !self.clone().assume(terms, condition, true) {
            return Some(false);
        }
        (!self.clone().assume(terms, condition, false)).then_some(true)
    }
}
