//! The function types that the suite tries, with the values that go through them.
//!
//! Systematic ones first: every number of parameters of every type, all types in rotation,
//! registers filled exactly, overflowing by one and by many, vectors after odd numbers of stack
//! words, every result and every pair of results. Then random ones, and those with integers
//! narrower than Wasm's.

use crate::kind::{Kind, Value, letters};
use crate::processor::Processor;
use crate::random::Random;

/// The most parameters, and the most results, of a signature.
pub const MOST_PARAMETERS: usize = 12;
pub const MOST_RESULTS: usize = 6;

/// Random signatures after the systematic ones.
const N_RANDOM: usize = 100;

/// A function type with values for its parameters and results.
#[derive(Clone, Debug)]
pub struct Signature {
    pub arguments: Vec<Value>,
    pub replies: Vec<Value>,
}

impl Signature {
    fn new(params: &[Kind], results: &[Kind], random: &mut Random) -> Signature {
        Signature { arguments: values(params, random), replies: values(results, random) }
    }

    pub fn params(&self) -> impl Iterator<Item = Kind> {
        self.arguments.iter().map(|value| value.kind)
    }

    pub fn results(&self) -> impl Iterator<Item = Kind> {
        self.replies.iter().map(|value| value.kind)
    }

    /// Whether results come back in a structure that the caller supplies.
    pub fn returns_structure(&self) -> bool {
        self.replies.len() > 1
    }

    /// Whether it has integers that Wasm has not: then the imports are declared.
    pub fn is_narrow(&self) -> bool {
        self.params().chain(self.results()).any(|kind| Kind::NARROW.contains(&kind))
    }

    /// `ild-f`.
    pub fn name(&self) -> String {
        let list = |kinds: &mut dyn Iterator<Item = Kind>| letters(&kinds.collect::<Vec<_>>());
        format!("{}-{}", list(&mut self.params()), list(&mut self.results()))
    }
}

fn values(kinds: &[Kind], random: &mut Random) -> Vec<Value> {
    let mut values = Vec::new();
    for &kind in kinds {
        values.push(Value::choose(kind, &values, random));
    }
    values
}

/// All signatures, the same for the same source of numbers.
pub fn all(processor: &Processor, random: &mut Random) -> Vec<Signature> {
    let parameters = [uniform(), rotating(), filling(processor, random), behind_odd_words(processor)].concat();
    let mut signatures = Vec::new();
    for (number, params) in parameters.iter().enumerate() {
        // Each number of results in turn.
        let results = some_kinds(number % (MOST_RESULTS + 1), random);
        signatures.push(Signature::new(params, &results, random));
    }
    for first in Kind::ALL {
        signatures.push(Signature::new(&[], &[first], random));
        for second in Kind::ALL {
            signatures.push(Signature::new(&[second, first], &[first, second], random));
        }
    }
    for _ in 0..N_RANDOM {
        let n_params = random.below(MOST_PARAMETERS + 1);
        let n_results = random.below(MOST_RESULTS + 1);
        let (params, results) = (some_kinds(n_params, random), some_kinds(n_results, random));
        signatures.push(Signature::new(&params, &results, random));
    }
    for n_params in 0..=MOST_PARAMETERS {
        signatures.push(narrow(n_params, random));
        signatures.push(narrow(n_params, random));
    }
    signatures
}

/// Three of four parameters are integers below 32 bits, and the result is one.
fn narrow(n_params: usize, random: &mut Random) -> Signature {
    let param = |_| {
        let kinds: &[Kind] = if random.below(4) == 0 { &Kind::ALL } else { &Kind::NARROW };
        *random.pick(kinds)
    };
    let params: Vec<_> = (0..n_params).map(param).collect();
    Signature::new(&params, &[*random.pick(&Kind::NARROW)], random)
}

fn some_kinds(length: usize, random: &mut Random) -> Vec<Kind> {
    (0..length).map(|_| *random.pick(&Kind::ALL)).collect()
}

/// `n` parameters of one type.
fn uniform() -> Vec<Vec<Kind>> {
    let of = |kind| (1..=MOST_PARAMETERS).map(move |n| vec![kind; n]);
    [Vec::new()].into_iter().chain(Kind::ALL.into_iter().flat_map(of)).collect()
}

/// All types in turn, forwards and in steps of two.
fn rotating() -> Vec<Vec<Kind>> {
    let rotate = |n: usize, step: usize| (0..n).map(|at| Kind::ALL[(n + at * step) % Kind::ALL.len()]).collect();
    (2..=MOST_PARAMETERS).flat_map(|n| [rotate(n, 1), rotate(n, 2)]).collect()
}

/// Both classes of registers: one left free, all taken, one argument too many, and many; in random
/// order.
fn filling(processor: &Processor, random: &mut Random) -> Vec<Vec<Kind>> {
    const ROUND_A_REGISTER_FILE: [isize; 4] = [-1, 0, 1, 5];
    let mut lists = Vec::new();
    for more_integers in ROUND_A_REGISTER_FILE {
        for more_vectors in ROUND_A_REGISTER_FILE {
            let n_integers = processor.integer_registers.strict_add_signed(more_integers);
            let n_vectors = processor.vector_registers.strict_add_signed(more_vectors);
            let integers = (0..n_integers).map(|_| *random.pick(&[Kind::I32, Kind::I64]));
            let mut list: Vec<_> = integers.collect();
            list.extend((0..n_vectors).map(|_| *random.pick(&[Kind::F32, Kind::F64, Kind::V128])));
            random.shuffle(&mut list);
            lists.push(list);
        }
    }
    lists
}

/// All registers taken, then a vector after `n` words on the stack, and a word after that, and a
/// vector again.
fn behind_odd_words(processor: &Processor) -> Vec<Vec<Kind>> {
    let list = |n_words: usize| {
        let mut list = vec![Kind::I64; processor.integer_registers + n_words];
        list.extend(vec![Kind::F32; processor.vector_registers]);
        list.extend([Kind::V128, Kind::I32, Kind::V128, Kind::F32, Kind::F64, Kind::V128]);
        list
    };
    (0..4).map(list).collect()
}
