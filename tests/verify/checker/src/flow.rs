//! A function as a whole: its blocks, states at their beginnings up to a fixed point, and then one
//! pass that proves and counts.
//!
//! Facts that hold in each round of a loop are guessed from the compare that ends it (a number is
//! not the last one: it is below it), taken for true, and then checked on every way into the loop.
//! Those that fail are dropped, and everything starts again.

use crate::endless;
use crate::guess::{self, Guess};
use crate::image::Function;
use crate::join::{is_own_term, join, same_signature, substitute};
use crate::knowledge::Knowledge;
use crate::machine::{Decoded, Exit, Leads, Machine, Processor};
use crate::report::Report;
use crate::state::{Fact, Flags, Range, State};
use crate::value::{Expr, Id, Place, Sum, Value};
use rustc_hash::FxHashMap;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Blocks are executed so often, on average, before that is given up.
const MOST_STEPS: usize = 1000;

/// How often a loop begins again before it collects what comes from outside of it, too, in
/// functions that have no fixed point otherwise: in nests of loops each round of one makes the next
/// one begin again.
const MOST_BEGINNINGS: u32 = 40;

/// Instructions between two targets of jumps.
type Blocks<P> = BTreeMap<u32, Vec<Decoded<<P as Processor>::Instruction>>>;

/// Checks a function.
pub fn check<P: Processor>(knowledge: &Knowledge, function: &Function) -> Report {
    let mut machine = Machine::<P>::new(knowledge, function);
    let mut guesses: Vec<Guess> = Vec::new();
    let mut refuted: Vec<Guess> = Vec::new();
    let mut tried: Vec<Guess> = Vec::new();
    let mut best: Option<Report> = None;
    let mut most_beginnings = u32::MAX;
    loop {
        let blocks = match blocks(&machine) {
            Ok(blocks) => blocks,
            Err((at, reason)) => return best.unwrap_or_else(|| refuse(&mut machine, at, &reason)),
        };
        let n_targets = machine.n_targets();
        let Some(entries) = fixed_point(&mut machine, &blocks, &guesses, most_beginnings) else {
            if most_beginnings > MOST_BEGINNINGS {
                most_beginnings = MOST_BEGINNINGS;
                continue;
            }
            return best.unwrap_or_else(|| refuse(&mut machine, function.start, "its states have no fixed point"));
        };
        if machine.n_targets() > n_targets {
            // There is more code than was known.
            continue;
        }
        if let Some(at) = table_in_code(&machine, &blocks) {
            return best.unwrap_or_else(|| refuse(&mut machine, at, "a table of jumps lies in code"));
        }
        let Some(failed) = refutations(&mut machine, &blocks, &entries, &guesses) else {
            return best.unwrap_or_else(|| refuse(&mut machine, function.start, "its states do not hold on every way"));
        };
        if !failed.is_empty() {
            guesses.retain(|guess| !failed.contains(guess));
            refuted.extend(failed);
            continue;
        }
        let new = guess::at_heads(&machine, &entries, &guesses, &refuted);
        if !new.is_empty() {
            guesses.extend(new);
            continue;
        }
        let report = record(&mut machine, &blocks, &entries, &guesses);
        let is_better = best.as_ref().is_none_or(|best| report.failures.len() < best.failures.len());
        if is_better {
            best = Some(report);
        }
        let found = best.as_ref().expect("there is one");
        // What was refuted together with a wrong guess may hold without it.
        let concerns = |guess: &&Guess| machine.wanted.iter().any(|id| guess.claim.sum().factor(*id) != 0);
        let again = refuted.iter().rev().filter(concerns).find(|guess| !tried.contains(guess)).cloned();
        let Some(guess) = again.filter(|_| !found.failures.is_empty()) else { return found.clone() };
        tried.push(guess.clone());
        guesses.push(guess);
        machine.is_recording = false;
    }
}

/// An instruction where a table lies that jumps were read from.
fn table_in_code<P: Processor>(machine: &Machine<P>, blocks: &Blocks<P>) -> Option<u32> {
    let is_table =
        |one: &&Decoded<P::Instruction>| machine.constants.iter().any(|&(start, end)| one.at < end && start < one.next);
    blocks.values().flatten().find(is_table).map(|one| one.at)
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
            let image = machine.knowledge.image;
            let is_endless = endless::is_endless(image, P::named(image, &one), &machine.knowledge.endless);
            decoded.insert(at, one);
            for target in targets {
                leaders.insert(target);
                waiting.push(target);
            }
            match leads {
                Leads::Jump(_) | Leads::End => break,
                // What follows a call that does not return may be constants, or the function's end.
                Leads::Call if next >= function.end || is_endless => break,
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
/// Where another comes from outside of it, the loop begins again with that, up to
/// `most_beginnings` times; so a loop within another one knows nothing of earlier rounds. Other
/// blocks have the states that their predecessors have now.
struct Search<'b, P: Processor> {
    blocks: &'b Blocks<P>,
    order: FxHashMap<u32, usize>,
    /// The last way back to each head.
    heads: FxHashMap<u32, usize>,
    entries: BTreeMap<u32, State>,
    /// By the block where they begin, and their number among those from there.
    ways: FxHashMap<u32, BTreeMap<(u32, usize), State>>,
    n_joins: FxHashMap<u32, u32>,
    most_beginnings: u32,
    /// How often loops have begun again, by their heads.
    n_beginnings: FxHashMap<u32, u32>,
    waiting: BTreeSet<(usize, u32)>,
}

/// The states at the beginnings of blocks. `None`: there is no end.
fn fixed_point<P: Processor>(
    machine: &mut Machine<P>,
    blocks: &Blocks<P>,
    guesses: &[Guess],
    most_beginnings: u32,
) -> Option<BTreeMap<u32, State>> {
    machine.restart();
    let start = machine.function.start;
    let mut search = Search {
        blocks,
        order: order(machine, blocks),
        heads: FxHashMap::default(),
        entries: BTreeMap::from([(start, machine.entry())]),
        ways: FxHashMap::default(),
        n_joins: FxHashMap::default(),
        most_beginnings,
        n_beginnings: FxHashMap::default(),
        waiting: BTreeSet::from([(0, start)]),
    };
    search.find_heads(machine);
    for n_steps in 0.. {
        if search.waiting.is_empty() {
            search.remember(machine);
        }
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
        let is_settled = self.n_beginnings.get(&target).is_some_and(|number| *number >= self.most_beginnings);
        let joined = match self.entries.get(&target).filter(|_| is_back || is_settled) {
            Some(before) => {
                guess::note_steps(machine, target, before, &state);
                join(&mut machine.terms, target, before, &state, *n_joins)
            }
            None => {
                let ways = self.ways.entry(target).or_default();
                if ways.get(&from) == Some(&state) {
                    return;
                }
                ways.insert(from, state);
                let joined = join_all(machine, target, ways);
                if let Some(&last) = self.heads.get(&target) {
                    *self.n_beginnings.entry(target).or_default() += 1;
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

    /// Blocks that a loop forgot, and only ways from outside lead to.
    fn remember(&mut self, machine: &mut Machine<P>) {
        for (&target, ways) in self.ways.iter().filter(|(_, ways)| !ways.is_empty()) {
            if let Entry::Vacant(entry) = self.entries.entry(target) {
                entry.insert(join_all(machine, target, ways));
                self.waiting.insert((self.order[&target], target));
            }
        }
    }
}

/// What comes of all ways to a block.
fn join_all<P: Processor>(machine: &mut Machine<P>, target: u32, ways: &BTreeMap<(u32, usize), State>) -> State {
    let mut states = ways.values();
    let mut joined = states.next().expect("a way leads here").clone();
    for (n_before, state) in (1..).zip(states) {
        joined = join(&mut machine.terms, target, &joined, state, n_before.min(2));
    }
    joined
}

/// The blocks' places in reverse postorder: before a block come all that lead to it, but for those
/// of a loop.
fn order<P: Processor>(machine: &Machine<P>, blocks: &Blocks<P>) -> FxHashMap<u32, usize> {
    let mut order = FxHashMap::default();
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

/// Which guesses do not hold on a way into their block. `None`: a state does not hold on one.
fn refutations<P: Processor>(
    machine: &mut Machine<P>,
    blocks: &Blocks<P>,
    entries: &BTreeMap<u32, State>,
    guesses: &[Guess],
) -> Option<Vec<Guess>> {
    let mut failed = Vec::new();
    let mut is_missed = false;
    for (at, block) in blocks {
        let Some(state) = entries.get(at) else { continue };
        let state = with_guesses(machine, state, *at, guesses);
        for (target, state) in execute(machine, block, state) {
            match entries.get(&target) {
                // The state does not hold here, or the search did not come here: by a wrong guess,
                // or else by a fault.
                Some(entry) if !is_covered(machine, target, entry, &state) => is_missed = true,
                None if blocks.contains_key(&target) => is_missed = true,
                _ => {}
            }
            for guess in guesses.iter().filter(|guess| guess.block == target) {
                let holds = entries.get(&target).is_some_and(|entry| {
                    let ways = ways(machine, target, entry, &state);
                    let sum = substitute(guess.claim.sum(), &ways);
                    sum.is_some_and(|sum| guess.claim.holds(machine, &state, sum))
                });
                if !holds && !failed.contains(guess) {
                    failed.push(guess.clone());
                }
            }
        }
    }
    if failed.is_empty() && is_missed { None } else { Some(failed) }
}

fn with_guesses<P: Processor>(machine: &mut Machine<P>, state: &State, at: u32, guesses: &[Guess]) -> State {
    let mut state = state.clone();
    guesses.iter().filter(|guess| guess.block == at).for_each(|guess| guess.claim.assume(machine, &mut state));
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
fn ways<P: Processor>(machine: &Machine<P>, block: u32, entry: &State, state: &State) -> FxHashMap<Id, Sum> {
    let mut ways = FxHashMap::default();
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
    guesses: &[Guess],
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
