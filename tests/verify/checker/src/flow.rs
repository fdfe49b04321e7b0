//! A function as a whole: its blocks, states at their beginnings up to a fixed point, and then one
//! pass that proves and counts.
//!
//! Facts that hold in each round of a loop are guessed from the compare that ends it (a number is
//! not the last one: it is below it), taken for true, and then checked on every way into the loop.
//! Those that fail are dropped, and everything starts again.

use crate::image::Function;
use crate::join::{is_own_term, join, same_signature, substitute};
use crate::knowledge::Knowledge;
use crate::machine::{Decoded, Exit, Leads, Machine, Processor};
use crate::report::Report;
use crate::state::{Fact, Flags, Range, State};
use crate::value::{Expr, Id, Place, Sum, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Blocks are executed so often, on average, before that is given up.
const MOST_STEPS: usize = 400;

/// Instructions between two targets of jumps.
type Blocks<P> = BTreeMap<u32, Vec<Decoded<<P as Processor>::Instruction>>>;

/// Checks a function.
pub fn check<P: Processor>(knowledge: &Knowledge, function: &Function) -> Report {
    let mut machine = Machine::<P>::new(knowledge, function);
    let mut guesses: Vec<(u32, Sum)> = Vec::new();
    let mut refuted: Vec<(u32, Sum)> = Vec::new();
    loop {
        let blocks = match blocks(&machine) {
            Ok(blocks) => blocks,
            Err((at, reason)) => return refuse(&mut machine, at, &reason),
        };
        let n_tables = machine.jump_tables.len();
        let Some(entries) = fixed_point(&mut machine, &blocks, &guesses) else {
            return refuse(&mut machine, function.start, "its states have no fixed point");
        };
        if machine.jump_tables.len() > n_tables {
            // There is more code than was known.
            continue;
        }
        let Some(failed) = refutations(&mut machine, &blocks, &entries, &guesses) else {
            return refuse(&mut machine, function.start, "its states do not hold on every way");
        };
        if !failed.is_empty() {
            guesses.retain(|guess| !failed.contains(guess));
            refuted.extend(failed);
            continue;
        }
        let new = guess(&machine, &guesses, &refuted);
        if !new.is_empty() {
            guesses.extend(new);
            continue;
        }
        return record(&mut machine, &blocks, &entries, &guesses);
    }
}

fn refuse<P: Processor>(machine: &mut Machine<P>, at: u32, reason: &str) -> Report {
    machine.is_recording = true;
    machine.at = at;
    machine.fail(reason);
    machine.report.functions = 1;
    std::mem::take(&mut machine.report)
}

/// Reads all code that jumps lead to.
fn blocks<P: Processor>(machine: &Machine<P>) -> Result<Blocks<P>, (u32, String)> {
    let function = machine.function;
    let mut decoded = BTreeMap::new();
    let mut leaders = BTreeSet::from([function.start]);
    let mut waiting = vec![function.start];
    while let Some(mut at) = waiting.pop() {
        while !decoded.contains_key(&at) {
            if at >= function.end {
                return Err((at, "the code runs out of the function".into()));
            }
            let one = P::decode(machine.knowledge.image, at, function.end).map_err(|error| (at, error))?;
            let targets = successors(machine, &one);
            let (next, leads) = (one.next, one.leads);
            decoded.insert(at, one);
            for target in targets {
                leaders.insert(target);
                waiting.push(target);
            }
            match leads {
                Leads::Jump(_) | Leads::End => break,
                // A call that does not return may end the function.
                Leads::Call if next >= function.end => break,
                Leads::Call | Leads::Branch(_) => {
                    leaders.insert(next);
                }
                Leads::On => {}
            }
            at = next;
        }
    }
    let mut end = 0;
    for one in decoded.values() {
        let one: &Decoded<P::Instruction> = one;
        if one.at < end {
            return Err((one.at, "a jump into the middle of an instruction".into()));
        }
        end = one.next;
        let is_constant = machine.constants.iter().any(|&(start, end)| one.at < end && start < one.next);
        if is_constant {
            return Err((one.at, "a table of jumps lies in code".into()));
        }
    }
    let mut blocks = Blocks::<P>::new();
    let mut block = function.start;
    let mut before = None;
    for (at, one) in decoded {
        if leaders.contains(&at) || before != Some(at) {
            block = at;
        }
        before = Some(one.next);
        blocks.entry(block).or_default().push(one);
    }
    Ok(blocks)
}

/// Where an instruction leads, besides to the next.
fn successors<P: Processor>(machine: &Machine<P>, one: &Decoded<P::Instruction>) -> Vec<u32> {
    let landings = || machine.knowledge.image.landings.get(&one.next).into_iter().flatten().map(|landing| landing.at);
    let mut targets = match one.leads {
        Leads::Call => landings().collect(),
        Leads::Jump(_) if machine.jump_tables.contains_key(&one.at) => machine.jump_tables[&one.at].clone(),
        Leads::Jump(target) | Leads::Branch(target) => target.into_iter().collect(),
        Leads::On | Leads::End => Vec::new(),
    };
    targets.retain(|at| (machine.function.start..machine.function.end).contains(at));
    targets
}

/// Executes a block.
fn execute<P: Processor>(
    machine: &mut Machine<P>,
    block: &[Decoded<P::Instruction>],
    state: State,
) -> Vec<(u32, State)> {
    let mut state = state;
    for one in block {
        match P::step(machine, state, one) {
            Exit::Next(next) => state = *next,
            Exit::Ways(mut ways) => {
                ways.iter_mut().for_each(|(_, state)| state.prune(&machine.terms));
                return ways;
            }
        }
    }
    let next = block.last().expect("a block has an instruction").next;
    state.prune(&machine.terms);
    vec![(next, state)]
}

/// States at the beginnings of blocks, as they are found.
///
/// The head of a loop, where a way leads back to, collects all states that come from the loop.
/// Where another comes from outside of it, the loop begins again with that; so a loop within
/// another one knows nothing of earlier rounds. Other blocks have the states that their
/// predecessors have now.
struct Search<'b, P: Processor> {
    blocks: &'b Blocks<P>,
    order: HashMap<u32, usize>,
    /// The last way back to each head.
    heads: HashMap<u32, usize>,
    entries: BTreeMap<u32, State>,
    /// By the block where they begin, and their number among those from there.
    ways: HashMap<u32, BTreeMap<(u32, usize), State>>,
    n_joins: HashMap<u32, u32>,
    waiting: BTreeSet<(usize, u32)>,
}

/// The states at the beginnings of blocks. `None`: there is no end.
fn fixed_point<P: Processor>(
    machine: &mut Machine<P>,
    blocks: &Blocks<P>,
    guesses: &[(u32, Sum)],
) -> Option<BTreeMap<u32, State>> {
    machine.restart();
    let start = machine.function.start;
    let mut search = Search {
        blocks,
        order: order(machine, blocks),
        heads: HashMap::new(),
        entries: BTreeMap::from([(start, machine.entry())]),
        ways: HashMap::new(),
        n_joins: HashMap::new(),
        waiting: BTreeSet::from([(0, start)]),
    };
    search.find_heads(machine);
    for n_steps in 0.. {
        let Some((_, at)) = search.waiting.pop_first() else { break };
        if n_steps > MOST_STEPS.saturating_mul(blocks.len()) {
            return None;
        }
        let Some(state) = search.entries.get(&at) else { continue };
        let state = with_guesses(machine, state, at, guesses);
        // Ways that can't be taken may be missing, so they are counted for each target.
        let mut targets = Vec::new();
        for (target, state) in execute(machine, &blocks[&at], state) {
            let number = targets.iter().filter(|it| **it == target).count();
            targets.push(target);
            search.arrive(machine, (at, number), target, state);
        }
    }
    Some(search.entries)
}

impl<P: Processor> Search<'_, P> {
    fn find_heads(&mut self, machine: &Machine<P>) {
        for &block in self.blocks.keys().filter(|block| self.order.contains_key(block)) {
            let place = self.order[&block];
            for target in following(machine, self.blocks, block) {
                if self.order[&target] <= place {
                    let last = self.heads.entry(target).or_default();
                    *last = place.max(*last);
                }
            }
        }
    }

    fn arrive(&mut self, machine: &mut Machine<P>, from: (u32, usize), target: u32, state: State) {
        let Some(&place) = self.order.get(&target) else { return };
        let is_back = place <= self.order[&from.0];
        let n_joins = self.n_joins.entry(target).or_default();
        *n_joins += 1;
        let joined = match self.entries.get(&target).filter(|_| is_back) {
            Some(before) => {
                note_steps(machine, target, before, &state);
                join(&mut machine.terms, target, before, &state, *n_joins)
            }
            None => {
                let ways = self.ways.entry(target).or_default();
                if ways.get(&from) == Some(&state) {
                    return;
                }
                ways.insert(from, state);
                let mut states = ways.values();
                let mut joined = states.next().expect("a way leads here").clone();
                for (n_before, state) in (1..).zip(states) {
                    joined = join(&mut machine.terms, target, &joined, state, n_before.min(2));
                }
                if let Some(&last) = self.heads.get(&target) {
                    self.begin_again(place, last);
                }
                joined
            }
        };
        if self.entries.get(&target) != Some(&joined) {
            self.entries.insert(target, joined);
            self.waiting.insert((place, target));
        }
    }

    /// Forgets what is known within a loop.
    fn begin_again(&mut self, first: usize, last: usize) {
        let order = &self.order;
        let is_inside = |block: &u32| (first..=last).contains(&order[block]);
        self.entries.retain(|block, _| !is_inside(block));
        self.n_joins.retain(|block, _| !is_inside(block));
        for ways in self.ways.values_mut() {
            ways.retain(|(from, _), _| !is_inside(from));
        }
        self.waiting.retain(|(place, _)| !(first..=last).contains(place));
    }
}

/// The blocks' places in reverse postorder: before a block come all that lead to it, but for those
/// of a loop.
fn order<P: Processor>(machine: &Machine<P>, blocks: &Blocks<P>) -> HashMap<u32, usize> {
    let mut order = HashMap::new();
    let mut seen = BTreeSet::from([machine.function.start]);
    let mut open = vec![(machine.function.start, following(machine, blocks, machine.function.start))];
    while let Some((at, rest)) = open.last_mut() {
        match rest.pop() {
            Some(next) if seen.insert(next) => open.push((next, following(machine, blocks, next))),
            Some(_) => {}
            None => {
                order.insert(*at, order.len());
                open.pop();
            }
        }
    }
    let last = order.len() - 1;
    order.values_mut().for_each(|place| *place = last - *place);
    order
}

/// The blocks that a block can lead to.
fn following<P: Processor>(machine: &Machine<P>, blocks: &Blocks<P>, at: u32) -> Vec<u32> {
    let last = blocks[&at].last().expect("a block has an instruction");
    let mut targets = successors(machine, last);
    if !matches!(last.leads, Leads::Jump(_) | Leads::End) {
        targets.push(last.next);
    }
    targets.retain(|target| blocks.contains_key(target));
    targets
}

/// What moves by a constant in each round of a loop may stay on one side of where it began.
fn note_steps<P: Processor>(machine: &mut Machine<P>, block: u32, before: &State, state: &State) {
    for (place, value) in state.places() {
        let own = machine.terms.intern(Expr::Joined { block, place });
        let Some(old) = before.get(place).filter(|old| old.base == value.base) else { continue };
        if !is_own_term(&old.sum, own) {
            machine.first.insert(own, old.sum);
            continue;
        }
        let step = value.sum.exactly_plus_times(&old.sum, -1).and_then(|it| it.as_constant());
        let first = machine.first.get(&own).filter(|first| !first.terms.is_empty());
        if let (Some(step), Some(first)) = (step.filter(|step| *step != 0), first) {
            let sign = if step > 0 { -1 } else { 1 };
            let behind = Sum::default().exactly_plus_times(&Sum::term(own), sign);
            let sum = behind.and_then(|sum| sum.exactly_plus_times(first, -sign));
            machine.unequal.extend(sum.filter(|sum| !machine.unequal.contains(sum)));
        }
    }
}

/// Inequalities at the heads of loops, either way round.
fn guess<P: Processor>(machine: &Machine<P>, known: &[(u32, Sum)], refuted: &[(u32, Sum)]) -> Vec<(u32, Sum)> {
    let mut new = Vec::new();
    for sum in &machine.unequal {
        for (id, _) in &sum.terms {
            let Expr::Joined { block, .. } = *machine.terms.expr(*id) else { continue };
            let negative = Sum::default().exactly_plus_times(sum, -1);
            for guess in [Some(sum.clone()), negative].into_iter().flatten().map(|sum| (block, sum)) {
                if !known.contains(&guess) && !refuted.contains(&guess) && !new.contains(&guess) {
                    new.push(guess);
                }
            }
        }
    }
    new
}

/// Which guesses do not hold on a way into their block. `None`: a state does not hold on one.
fn refutations<P: Processor>(
    machine: &mut Machine<P>,
    blocks: &Blocks<P>,
    entries: &BTreeMap<u32, State>,
    guesses: &[(u32, Sum)],
) -> Option<Vec<(u32, Sum)>> {
    let mut failed = Vec::new();
    for (at, block) in blocks {
        let Some(state) = entries.get(at) else { continue };
        let state = with_guesses(machine, state, *at, guesses);
        for (target, state) in execute(machine, block, state) {
            if let Some(entry) = entries.get(&target)
                && !is_covered(machine, target, entry, &state)
            {
                return None;
            }
            for guess in guesses.iter().filter(|guess| guess.0 == target) {
                let holds = entries.get(&target).is_some_and(|entry| {
                    let ways = ways(machine, target, entry, &state);
                    let sum = substitute(&guess.1, &ways);
                    sum.is_some_and(|sum| state.implies(&machine.terms, &Fact { sum, limit: None }))
                });
                if !holds && !failed.contains(guess) {
                    failed.push(guess.clone());
                }
            }
        }
    }
    Some(failed)
}

fn with_guesses<P: Processor>(machine: &Machine<P>, state: &State, at: u32, guesses: &[(u32, Sum)]) -> State {
    let mut state = state.clone();
    for (_, sum) in guesses.iter().filter(|guess| guess.0 == at) {
        state.add_fact(&machine.terms, Fact { sum: sum.clone(), limit: None });
    }
    state
}

/// Whether all that a block's state says is so on a way into it. This does not depend on how the
/// states were found.
fn is_covered<P: Processor>(machine: &Machine<P>, block: u32, entry: &State, state: &State) -> bool {
    let terms = &machine.terms;
    let is_own = |id: Id| matches!(*terms.expr(id), Expr::Joined { block: other, .. } if other == block);
    let ways = ways(machine, block, entry, state);
    let is_value = |(place, value): (Place, Value)| {
        let Some(here) = state.get(place) else { return false };
        let own = value.sum.terms.first().map(|term| term.0);
        let own = own.filter(|id| is_own_term(&value.sum, *id) && *terms.expr(*id) == Expr::Joined { block, place });
        let Some(moved) = here.sum.exactly_plus(-value.sum.constant) else { return false };
        match own {
            None => here == value || same_signature(terms, entry, state, &value, &here).as_ref() == Some(&value),
            Some(own) if value.base.is_none() && entry.range(terms, own) == Range::ALL => true,
            Some(own) => {
                let (range, all) = (state.range_of(terms, &moved), entry.range(terms, own));
                let is_multiple = all.multiple == 1 || range.multiple % all.multiple.max(1) == 0;
                let is_inside = range.low >= all.low && range.high <= all.high && is_multiple;
                here.base == value.base && (is_inside || all == Range::ALL)
            }
        }
    };
    let is_fact = |fact: &Fact| {
        let sum = substitute(&fact.sum, &ways);
        sum.is_some_and(|sum| state.implies(terms, &Fact { sum, limit: fact.limit }))
    };
    let is_range = |(id, all): (&Id, &Range)| {
        let range = state.range(terms, *id);
        is_own(*id) || range.low >= all.low && range.high <= all.high
    };
    entry.places().into_iter().all(is_value)
        && entry.facts.iter().all(is_fact)
        && entry.ranges.iter().all(is_range)
        && entry.signatures.iter().all(|it| state.signatures.contains(it))
        && entry.words.iter().all(|it| state.words.contains(it))
        && (entry.flags == Flags::Unknown || entry.flags == state.flags)
        && state.escaped.is_none_or(|here| entry.escaped.is_some_and(|all| all <= here))
}

/// What the terms of a block are on a way into it.
fn ways<P: Processor>(machine: &Machine<P>, block: u32, entry: &State, state: &State) -> HashMap<Id, Sum> {
    let mut ways = HashMap::new();
    for (place, value) in entry.places() {
        let [(id, 1)] = value.sum.terms[..] else { continue };
        if *machine.terms.expr(id) != (Expr::Joined { block, place }) {
            continue;
        }
        let Some(mut own) = state.get(place) else { continue };
        // The place has a constant besides.
        own.sum.constant -= value.sum.constant;
        let range = entry.range(&machine.terms, id);
        let here = state.range_of(&machine.terms, &own.sum);
        let is_same = own.base == value.base && here.low >= range.low && here.high <= range.high;
        let is_known = place != Place::Tables && is_same && state.is_number(&machine.terms, &own.sum);
        if is_known {
            ways.insert(id, own.sum);
        } else {
            // Nothing holds of this one.
            ways.insert(id, Sum::term(machine.unknown));
        }
    }
    ways
}

fn record<P: Processor>(
    machine: &mut Machine<P>,
    blocks: &Blocks<P>,
    entries: &BTreeMap<u32, State>,
    guesses: &[(u32, Sum)],
) -> Report {
    machine.is_recording = true;
    machine.report = Report { functions: 1, ..Report::default() };
    for (at, block) in blocks {
        let Some(state) = entries.get(at) else { continue };
        let state = with_guesses(machine, state, *at, guesses);
        for (target, _) in execute(machine, block, state) {
            if !blocks.contains_key(&target) {
                machine.fail("a way leaves the code of the function");
            }
        }
    }
    std::mem::take(&mut machine.report)
}
