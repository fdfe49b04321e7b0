//! Values of registers and slots: a base and a sum of terms.
//!
//! A value is the number `base + Σ factor · term + constant`, modulo 2^64. Terms are interned by
//! how they were made, so that equal ones are recognized. What is known of a term in a state is in
//! [`crate::state`].

use crate::image::SymbolNumber;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

pub type Id = u32;

/// What an address counts from.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// The stack pointer at the function's entry.
    Stack,
    /// The text of the object.
    Text,
    Symbol(SymbolNumber),
    /// The first byte of the memory whose descriptor that is.
    Memory(SymbolNumber),
    /// The first entry of the table whose descriptor that is, as it was since the last call.
    Table(SymbolNumber),
    /// The first byte or entry of a segment.
    Segment(SymbolNumber),
    /// What a slot has the address of.
    Slot(SymbolNumber),
    /// What finds the place of a symbol of each thread: what `__tls_get_addr` takes, or a
    /// descriptor.
    ThreadLocal(SymbolNumber),
    /// The distance of such a place from the thread's pointer.
    FromThread(SymbolNumber),
    /// The page that a symbol lies in.
    Page(SymbolNumber),
}

/// `Σ factor · term + constant`, at most [`MOST_TERMS`] terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sum {
    /// Sorted by term; no factor is zero.
    pub terms: SumTerms,
    /// Of a value: as many as 64 bits hold with a sign.
    pub constant: i128,
}

const MOST_TERMS: usize = 6;

/// Most sums have no more than two.
pub type SumTerms = SmallVec<[(Id, i64); 2]>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    pub base: Option<Base>,
    pub sum: Sum,
}

/// Where a state keeps a value.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Register(u8),
    /// Offset from [`Base::Stack`], of 8 bytes.
    Slot(i64),
    /// The contents of tables.
    Tables,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    Equal,
    NotEqual,
    Below,
    AtMost,
    Above,
    AtLeast,
    SignedBelow,
    SignedAtMost,
    SignedAbove,
    SignedAtLeast,
}

/// What a jump, a move or a byte depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    Compare { relation: Relation, left: Value, right: Value },
    And(Box<Condition>, Box<Condition>),
    Unknown,
}

/// How a term was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A register at the entry, or another number that a processor counts there.
    Entry(u8),
    ThreadPointer,
    /// The result of an instruction, or what was left in a place when it ran again.
    Made {
        site: u32,
        place: Place,
    },
    /// Where ways meet.
    Joined {
        block: u32,
        place: Place,
    },
    /// The low 32 bits.
    Low(Sum),
    /// The same of an address.
    LowAddress(Base, Sum),
    /// What 64 bits have of a sum that may be larger or negative.
    Wrapped(Sum),
    /// Of a number, the bits that the mask has.
    Masked {
        sum: Sum,
        mask: i64,
    },
    /// Of a number, the bits above the lowest `by`.
    Shifted {
        sum: Sum,
        by: u32,
    },
    /// A byte that is 1 if the condition holds, else 0; `whole`: the rest of the register is 0.
    Flag {
        condition: Condition,
        whole: bool,
    },
    /// A word of a table, by address and contents.
    Entry8 {
        address: Value,
        tables: Id,
    },
    /// The distance from a function's entry to its signature's identity.
    SignatureDistance(Sum),
    /// One of so many entries of a table of jumps, of `size` bytes each, from an offset in the text
    /// on, as it was loaded.
    Jump {
        table: u32,
        count: u32,
        size: u32,
        loaded: Id,
    },
    /// Whether a signature is another or a subtype of it, as the runtime says.
    Matches {
        actual: Sum,
        expected: SymbolNumber,
    },
}

#[derive(Default)]
pub struct Terms {
    exprs: Vec<Expr>,
    ids: FxHashMap<Expr, Id>,
    /// The terms that an instruction makes, and those made of them.
    by_site: FxHashMap<u32, FxHashSet<Id>>,
    /// What each term is made of in the end, itself included.
    leaves: Vec<Vec<Id>>,
}

impl Terms {
    pub fn intern(&mut self, expr: Expr) -> Id {
        if let Some(id) = self.ids.get(&expr) {
            return *id;
        }
        let id = u32::try_from(self.exprs.len()).expect("a function has fewer terms");
        self.exprs.push(expr.clone());
        let leaves = self.leaves_of(&expr, id);
        for leaf in &leaves {
            if let Expr::Made { site, .. } = self.exprs[*leaf as usize] {
                self.by_site.entry(site).or_default().insert(id);
            }
        }
        self.leaves.push(leaves);
        self.ids.insert(expr, id);
        id
    }

    pub fn expr(&self, id: Id) -> &Expr {
        &self.exprs[id as usize]
    }

    /// The terms that mention what an instruction made.
    pub fn of_site(&self, site: u32) -> Option<&FxHashSet<Id>> {
        self.by_site.get(&site)
    }

    /// What a term is made of.
    pub fn leaves(&self, id: Id) -> &[Id] {
        &self.leaves[id as usize]
    }

    fn leaves_of(&self, expr: &Expr, own: Id) -> Vec<Id> {
        let mut leaves: Vec<Id> = Vec::new();
        let mut add = |sum: &Sum| sum.terms.iter().for_each(|(id, _)| leaves.extend(self.leaves(*id)));
        match expr {
            Expr::Low(sum)
            | Expr::LowAddress(_, sum)
            | Expr::Wrapped(sum)
            | Expr::Masked { sum, .. }
            | Expr::Shifted { sum, .. }
            | Expr::SignatureDistance(sum)
            | Expr::Matches { actual: sum, .. } => add(sum),
            Expr::Entry8 { address, tables } => {
                add(&address.sum);
                add(&Sum::term(*tables));
            }
            Expr::Flag { condition, .. } => condition.sums().into_iter().for_each(add),
            Expr::Jump { loaded, .. } => add(&Sum::term(*loaded)),
            Expr::Entry(_) | Expr::ThreadPointer | Expr::Made { .. } | Expr::Joined { .. } => leaves.push(own),
        }
        leaves.sort_unstable();
        leaves.dedup();
        leaves
    }

    /// Whether a term is made of one that `is_wanted`.
    pub fn mentions(&self, id: Id, is_wanted: &dyn Fn(&Expr) -> bool) -> bool {
        is_wanted(self.expr(id)) || self.leaves(id).iter().any(|leaf| is_wanted(self.expr(*leaf)))
    }

    pub fn sum_mentions(&self, sum: &Sum, is_wanted: &dyn Fn(&Expr) -> bool) -> bool {
        sum.terms.iter().any(|(id, _)| self.mentions(*id, is_wanted))
    }

    pub fn condition_mentions(&self, condition: &Condition, is_wanted: &dyn Fn(&Expr) -> bool) -> bool {
        condition.sums().into_iter().any(|sum| self.sum_mentions(sum, is_wanted))
    }
}

impl Condition {
    pub fn sums(&self) -> Vec<&Sum> {
        match self {
            Condition::Compare { left, right, .. } => vec![&left.sum, &right.sum],
            Condition::And(left, right) => [left.sums(), right.sums()].concat(),
            Condition::Unknown => Vec::new(),
        }
    }
}

impl Sum {
    pub fn constant(constant: i64) -> Sum {
        Sum { terms: SumTerms::new(), constant: constant.into() }
    }

    pub fn term(id: Id) -> Sum {
        Sum { terms: smallvec![(id, 1)], constant: 0 }
    }

    pub fn as_constant(&self) -> Option<i64> {
        i64::try_from(self.constant).ok().filter(|_| self.terms.is_empty())
    }

    /// The term, if there is nothing else.
    pub fn as_term(&self) -> Option<Id> {
        match self.terms[..] {
            [(id, 1)] if self.constant == 0 => Some(id),
            _ => None,
        }
    }

    pub fn factor(&self, id: Id) -> i64 {
        self.terms.iter().find(|term| term.0 == id).map_or(0, |term| term.1)
    }

    /// Modulo 2^64. `None` where there are too many terms.
    pub fn plus_times(&self, other: &Sum, factor: i64) -> Option<Sum> {
        let add = |left: i64, right: i64| Some(left.wrapping_add(right.wrapping_mul(factor)));
        let terms = combine(&self.terms, &other.terms, add)?;
        let constant = wrapped(self.constant).wrapping_add(wrapped(other.constant).wrapping_mul(factor));
        Some(Sum { terms, constant: constant.into() })
    }

    /// Of whole numbers. `None` also where one gets too large.
    pub fn exactly_plus_times(&self, other: &Sum, factor: i64) -> Option<Sum> {
        let add = |left: i64, right: i64| left.checked_add(right.checked_mul(factor)?);
        let terms = combine(&self.terms, &other.terms, add)?;
        let constant = self.constant.checked_add(other.constant.checked_mul(factor.into())?)?;
        Some(Sum { terms, constant })
    }

    pub fn times(&self, factor: i64) -> Sum {
        let scaled = Sum::default().plus_times(self, factor);
        scaled.expect("no terms are added")
    }

    pub fn exactly_plus(&self, constant: i128) -> Option<Sum> {
        Some(Sum { terms: self.terms.clone(), constant: self.constant.checked_add(constant)? })
    }
}

/// The same number modulo 2^64.
fn wrapped(constant: i128) -> i64 {
    constant as i64
}

fn combine(left: &[(Id, i64)], right: &[(Id, i64)], add: impl Fn(i64, i64) -> Option<i64>) -> Option<SumTerms> {
    let mut terms = SumTerms::from_slice(left);
    for &(id, factor) in right {
        match terms.binary_search_by_key(&id, |term| term.0) {
            Ok(at) => terms[at].1 = add(terms[at].1, factor)?,
            Err(at) => terms.insert(at, (id, add(0, factor)?)),
        }
    }
    terms.retain(|term| term.1 != 0);
    (terms.len() <= MOST_TERMS).then_some(terms)
}

impl Value {
    pub fn constant(constant: i64) -> Value {
        Value { base: None, sum: Sum::constant(constant) }
    }

    pub fn term(id: Id) -> Value {
        Value { base: None, sum: Sum::term(id) }
    }

    pub fn at(base: Base, offset: i64) -> Value {
        Value { base: Some(base), sum: Sum::constant(offset) }
    }

    pub fn number(sum: Sum) -> Value {
        Value { base: None, sum }
    }

    /// `None` where the sum can't be expressed.
    pub fn plus(&self, other: &Value) -> Option<Value> {
        let base = match (self.base, other.base) {
            (base, None) | (None, base) => base,
            _ => return None,
        };
        Some(Value { base, sum: self.sum.plus_times(&other.sum, 1)? })
    }

    pub fn minus(&self, other: &Value) -> Option<Value> {
        let base = match (self.base, other.base) {
            (base, None) => base,
            (left, right) if left == right => None,
            _ => return None,
        };
        Some(Value { base, sum: self.sum.plus_times(&other.sum, -1)? })
    }

    pub fn times(&self, factor: i64) -> Option<Value> {
        self.base.is_none().then(|| Value::number(self.sum.times(factor)))
    }

    pub fn offset_by(&self, offset: i64) -> Value {
        let constant = wrapped(self.sum.constant).wrapping_add(offset);
        Value { base: self.base, sum: Sum { terms: self.sum.terms.clone(), constant: constant.into() } }
    }

    pub fn as_constant(&self) -> Option<i64> {
        if self.base.is_some() { None } else { self.sum.as_constant() }
    }

    /// The offset from a base, where it is known.
    pub fn offset_from(&self, base: Base) -> Option<i64> {
        if self.base == Some(base) { self.sum.as_constant() } else { None }
    }
}
