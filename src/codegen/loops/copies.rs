//! Loops that the producer unrolled: how many equal copies of one body a loop has.
//!
//! Copies are found from what they store and carry: the value that copy `n` stores must be made
//! like that of the first, with indices that have moved by `n` parts of the loop's step. Accesses
//! must be in the order that the rolled loop has them in.

use super::access::Accesses;
use super::body::Body;
use super::sum::Sum;
use cranelift_codegen::ir::{Inst, InstructionData, Value, ValueDef, ValueListPool};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Producers unroll by less.
const MAX_COPIES: u32 = 16;

/// The first copy of some.
pub struct Copies {
    pub n: u32,
    /// The first copy's accesses, where there are others.
    accesses: Option<BTreeSet<Inst>>,
    /// What the first copy hands to the second, by parameter, where that is not the loop's.
    next: HashMap<Value, Value>,
}

impl Copies {
    /// The whole body.
    pub fn one() -> Copies {
        Copies { n: 1, accesses: None, next: HashMap::new() }
    }

    /// Whether an access belongs to the first copy.
    pub fn has(&self, inst: Inst) -> bool {
        self.accesses.as_ref().is_none_or(|accesses| accesses.contains(&inst))
    }

    /// What the next copy gets for a parameter of the loop.
    pub fn next(&self, body: &Body, parameter: Value) -> Value {
        self.next.get(&parameter).copied().unwrap_or_else(|| body.next_of(parameter))
    }

    /// What the first copy has in place of a value that the last hands on.
    pub fn last(&self, body: &Body, value: Value) -> Option<Value> {
        let parameter = body.parameters().iter().find(|&&it| body.next_of(it) == value)?;
        self.next.get(parameter).copied()
    }

    /// The part of a step that belongs to one copy.
    pub fn part(&self, step: u32) -> Option<u32> {
        part(step.cast_signed(), self.n).map(i32::cast_unsigned)
    }
}

fn part(step: i32, n: u32) -> Option<i32> {
    let n = i32::try_from(n).ok()?;
    (step.checked_rem(n)? == 0).then(|| step.checked_div(n))?
}

/// The largest number of copies, if there are at least two and all they access moves.
pub fn find(body: &Body, accesses: &Accesses) -> Option<Copies> {
    let (stores, loads): (Vec<Inst>, Vec<Inst>) =
        body.insts.iter().copied().filter(|&inst| body.is_access(inst)).partition(|&inst| body.is_store(inst));
    if accesses.by_inst.len() < loads.len().saturating_add(stores.len()) {
        return None;
    }
    // Sums of floating-point numbers keep their order, and vectors are already there: nothing would
    // be gained.
    let is_float = |value: &Value| body.func.dfg.value_type(*value).is_float();
    let mut results = body.insts.iter().flat_map(|&inst| body.func.dfg.inst_results(inst));
    if body.parameters().iter().any(is_float) || results.any(|&it| body.func.dfg.value_type(it).is_vector()) {
        return None;
    }
    if body.insts.iter().any(|&inst| body.can_trap(inst)) {
        return None;
    }
    let divides = |n: &u32| {
        let n = *n as usize;
        loads.len().is_multiple_of(n) && stores.len().is_multiple_of(n)
    };
    (2..=MAX_COPIES).rev().filter(divides).find_map(|n| Matcher::new(body, accesses, n).copies(&loads, &stores))
}

/// What belongs together in the first copy and in each other, 1 to n - 1.
struct Matcher<'a> {
    body: &'a Body<'a>,
    accesses: &'a Accesses,
    n: u32,
    pairs: HashMap<(u32, Value), Value>,
    /// What copy `n` gets for a parameter.
    carried: BTreeMap<(Value, u32), Value>,
    /// The copy of each load, and its place in the first copy.
    loads: BTreeMap<Inst, (u32, Inst)>,
}

impl<'a> Matcher<'a> {
    fn new(body: &'a Body<'a>, accesses: &'a Accesses, n: u32) -> Matcher<'a> {
        Matcher { body, accesses, n, pairs: HashMap::new(), carried: BTreeMap::new(), loads: BTreeMap::new() }
    }

    fn copies(mut self, loads: &[Inst], stores: &[Inst]) -> Option<Copies> {
        for parameter in self.carried_parameters() {
            self.follow(parameter);
        }
        let n_stores = stores.len().checked_div(self.n as usize)?;
        let mut stored: Vec<(Inst, u32, Inst)> = Vec::new();
        for (copy, chunk) in (0..self.n).zip(stores.chunks(n_stores.max(1))) {
            for (&first, &other) in stores.iter().zip(chunk) {
                stored.push((other, copy, first));
                if copy > 0 && !self.match_insts(first, other, copy) {
                    return None;
                }
            }
        }
        let mut next = HashMap::new();
        for parameter in self.carried_parameters() {
            let first = *self.carried.get(&(parameter, 1))?;
            next.insert(parameter, first);
            for copy in 1..self.n {
                let after = match copy.saturating_add(1) {
                    end if end == self.n => self.body.next_of(parameter),
                    after => *self.carried.get(&(parameter, after))?,
                };
                if !self.match_values(first, after, copy) {
                    return None;
                }
            }
        }
        let first: BTreeSet<Inst> = self.loads.values().map(|(_, first)| *first).collect();
        for &load in &first {
            // A load of the first copy that is also one of another.
            if self.loads.insert(load, (0, load)).is_some() {
                return None;
            }
        }
        if self.loads.len() != loads.len() || first.len().checked_mul(self.n as usize)? != loads.len() {
            return None;
        }
        let accesses = first.into_iter().chain(stores[..n_stores].iter().copied()).collect();
        self.is_in_order(&stored).then_some(Copies { n: self.n, accesses: Some(accesses), next })
    }

    /// The parameters that are not induction variables.
    fn carried_parameters(&self) -> Vec<Value> {
        let parameters = self.body.parameters().iter().copied();
        parameters.filter(|&it| self.body.parameter_step(it).is_none()).collect()
    }

    /// Notes what each copy gets for a parameter, where it goes through all copies in one line.
    fn follow(&mut self, parameter: Value) {
        let (mut line, mut last) = (Vec::new(), parameter);
        let mut on_line = HashSet::from([parameter]);
        for &inst in &self.body.insts {
            let uses = self.body.func.dfg.inst_args(inst).iter().filter(|it| on_line.contains(it)).count();
            if uses == 0 {
                continue;
            }
            let results = self.body.func.dfg.inst_results(inst);
            if uses > 1 || results.len() != 1 || !self.body.func.dfg.inst_args(inst).contains(&last) {
                return;
            }
            last = results[0];
            line.push(last);
            on_line.insert(last);
        }
        let n = self.n as usize;
        let Some(length) = line.len().checked_div(n).filter(|&it| it > 0 && line.len().is_multiple_of(n)) else {
            return;
        };
        if last != self.body.next_of(parameter) {
            return;
        }
        for (copy, part) in (1..self.n).zip(line.chunks(length)) {
            self.carried.insert((parameter, copy), part[part.len().saturating_sub(1)]);
        }
    }

    fn match_values(&mut self, first: Value, other: Value, copy: u32) -> bool {
        if let (Some((a, step)), Some((b, _))) = (self.body.affine(first), self.body.affine(other)) {
            let Some(part) = part(step, self.n) else { return false };
            let moved = Sum::constant(part.cast_unsigned().wrapping_mul(copy));
            return a.plus(&moved).is_some_and(|it| it == b);
        }
        if !self.body.makes(first) {
            return first == other;
        }
        match self.body.func.dfg.value_def(first) {
            ValueDef::Param(..) => *self.carried.entry((first, copy)).or_insert(other) == other,
            ValueDef::Result(inst, nth) => match self.body.func.dfg.value_def(other) {
                ValueDef::Result(of_other, at) if at == nth && self.body.makes(other) => {
                    match self.pairs.insert((copy, first), other) {
                        Some(before) => before == other,
                        None => self.match_insts(inst, of_other, copy),
                    }
                }
                _ => false,
            },
            ValueDef::Union(..) => false,
        }
    }

    fn match_insts(&mut self, first: Inst, other: Inst, copy: u32) -> bool {
        if !self.is_alike(first, other) {
            return false;
        }
        let dfg = &self.body.func.dfg;
        match (self.accesses.by_inst.get(&first), self.accesses.by_inst.get(&other)) {
            (Some(a), Some(b)) => {
                let Some(part) = part(self.accesses.groups[a.group].step, self.n) else { return false };
                let moved = i64::from(part).saturating_mul(i64::from(copy));
                let is_there = (a.base.0, a.group) == (b.base.0, b.group)
                    && i64::from(a.displacement).saturating_add(moved) == i64::from(b.displacement);
                if !is_there {
                    return false;
                }
                match (dfg.inst_args(first), dfg.inst_args(other)) {
                    ([value, _], [of_other, _]) => self.match_values(*value, *of_other, copy),
                    _ => *self.loads.entry(other).or_insert((copy, first)) == (copy, first),
                }
            }
            (None, None) => {
                let arguments = dfg.inst_args(first).iter().zip(dfg.inst_args(other));
                let arguments: Vec<(Value, Value)> = arguments.map(|(&a, &b)| (a, b)).collect();
                arguments.into_iter().all(|(a, b)| self.match_values(a, b, copy))
            }
            _ => false,
        }
    }

    /// Whether two instructions differ in their operands and offsets at most.
    fn is_alike(&self, a: Inst, b: Inst) -> bool {
        let dfg = &self.body.func.dfg;
        let shape = |inst: Inst| {
            let mut data = dfg.insts[inst];
            // What can be copied keeps its operands in itself.
            let mut pool = ValueListPool::new();
            data.arguments_mut(&mut pool).fill(Value::from_u32(0));
            if let InstructionData::Load { offset, .. } | InstructionData::Store { offset, .. } = &mut data {
                *offset = 0.into();
            }
            data
        };
        let types = |inst: Inst| dfg.inst_results(inst).iter().map(|&it| dfg.value_type(it)).collect::<Vec<_>>();
        shape(a) == shape(b) && types(a) == types(b)
    }

    /// Whether loads are before and after the same stores in the rolled loop.
    fn is_in_order(&self, stored: &[(Inst, u32, Inst)]) -> bool {
        let places: HashMap<Inst, usize> =
            self.body.insts.iter().zip(0..).map(|(&inst, place)| (inst, place)).collect();
        let place = |inst: Inst| places[&inst];
        self.loads.iter().all(|(&load, &(of_load, first_load))| {
            stored.iter().all(|&(store, of_store, first_store)| {
                let is_before = place(load) < place(store);
                match of_load.cmp(&of_store) {
                    std::cmp::Ordering::Less => is_before,
                    std::cmp::Ordering::Greater => !is_before,
                    std::cmp::Ordering::Equal => is_before == (place(first_load) < place(first_store)),
                }
            })
        })
    }
}
