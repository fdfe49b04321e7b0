//! Which functions of a module are copied to where they are called.
//!
//! Comes in: the operators of all bodies, which need not be valid. Goes out: a [`Plan`], which
//! follows from the module alone. A function is copied if it is small, together with what is copied
//! into it, and has no loop, no `try`, no tail call and no call through a table, which translation
//! may know better. Functions that call themselves, directly or not, are left out, so copying ends.
//! What copies may add is bounded for each caller ([`Plan::room`]) and for the module, in which
//! only the smallest functions are copied if there are too many calls.

use super::origin::LONGEST_MODULE;
use crate::options::OptLevel;
use crate::unit::Unit;
use crate::wasm::{FuncIndex, Module};
use cranelift_entity::SecondaryMap;
use rayon::prelude::*;
use wasmparser::{FunctionBody, Operator};

/// The most that a function may cost, as [`cost`] has it, which is copied to where calls are likely
/// to be frequent: into a loop, or a function that calls itself.
const SMALL: u32 = 16;

/// The same elsewhere: little more than a call.
const TINY: u32 = 8;

/// A function with more operators is not copied, whatever they cost: some become no instruction
/// where they stand alone, but a module can have any number of them.
const MOST_OPERATORS: usize = 100;

/// What a call costs besides its arguments: saving and restoring registers.
const CALL: u32 = 4;

/// A module may grow by this, and by half of its size.
const GROWTH: u64 = 10_000;

/// What copies may add to any function, and to one that is larger as much as it has.
const ROOM: u32 = 400;

/// Which functions are copied to where they are called.
pub struct Plan {
    functions: SecondaryMap<FuncIndex, Entry>,
    /// Where calls are frequent: the outermost loops of each function, by their offsets in the
    /// module, or all of a function that calls itself.
    loops: SecondaryMap<FuncIndex, Vec<(u32, u32)>>,
}

#[derive(Copy, Clone, Default)]
struct Entry {
    /// Of the function's own body.
    own: u32,
    /// What a copy adds to its caller, if there may be one: also the copies in it.
    copied: Option<u32>,
}

impl Plan {
    /// `None` where nothing is copied.
    pub fn new(unit: &Unit, level: OptLevel) -> Option<Plan> {
        if level == OptLevel::None || unit.source.wasm.len() > LONGEST_MODULE {
            return None;
        }
        let bodies: Vec<_> = unit.module.bodies().filter(|(func, _)| unit.facts.reachable.contains(*func)).collect();
        let scanned: Vec<_> = bodies.par_iter().map(|(func, body)| (*func, Body::scan(unit.module, body))).collect();
        let mut bodies: SecondaryMap<FuncIndex, Body> = SecondaryMap::new();
        for (func, mut body) in scanned {
            body.mark_recursion(func);
            bodies[func] = body;
        }
        let mut limit = if level == OptLevel::Size { CALL } else { SMALL };
        let mut plan = Walk::run(unit.module, &bodies, limit);
        while limit > 0 && !plan.is_affordable(unit.module, &bodies) {
            limit /= 2;
            plan = Walk::run(unit.module, &bodies, limit);
        }
        bodies.iter().for_each(|(func, body)| plan.loops[func].clone_from(&body.loops));
        Some(plan)
    }

    /// What a copy of the function costs; `None` if it is not copied.
    pub fn cost(&self, func: FuncIndex) -> Option<u32> {
        self.functions[func].copied
    }

    /// What a copy of `func` adds to `caller`, at the call with this offset in the module; `None`
    /// if it stays a call.
    pub fn added(&self, caller: FuncIndex, offset: u32, func: FuncIndex) -> Option<u32> {
        let loops = &self.loops[caller];
        let before = loops.partition_point(|(start, _)| *start <= offset);
        let around = before.checked_sub(1).and_then(|place| loops.get(place));
        let is_frequent = around.is_some_and(|(_, end)| offset < *end);
        self.cost(func).filter(|cost| is_frequent || *cost <= TINY)
    }

    /// What copies may add to the function.
    pub fn room(&self, func: FuncIndex) -> u32 {
        self.functions[func].own.max(ROOM)
    }

    /// Whether the module stays small enough.
    fn is_affordable(&self, module: &Module, bodies: &SecondaryMap<FuncIndex, Body>) -> bool {
        let (mut size, mut growth) = (0u64, 0u64);
        for (caller, body) in bodies.iter() {
            size = size.saturating_add(body.cost.into());
            let added = body.calls.iter().filter_map(|&(callee, is_frequent)| {
                let cost = self.cost(callee).filter(|cost| is_frequent || *cost <= TINY)?;
                Some(u64::from(cost.saturating_sub(call_cost(module, callee))))
            });
            let added = added.fold(0, u64::saturating_add);
            growth = growth.saturating_add(added.min(self.room(caller).into()));
        }
        growth <= GROWTH.saturating_add(size / 2)
    }
}

/// What a function costs, and what it calls.
#[derive(Clone, Default)]
struct Body {
    cost: u32,
    /// Directly, as often as there are calls, and whether the call is frequent.
    calls: Vec<(FuncIndex, bool)>,
    /// See [`Plan::loops`].
    loops: Vec<(u32, u32)>,
    /// It has no operator that keeps it from being copied.
    is_plain: bool,
}

impl Body {
    fn scan(module: &Module, body: &FunctionBody) -> Body {
        let mut scanned = Body { is_plain: true, ..Body::default() };
        let mut n_operators = 0usize;
        let Ok(reader) = body.get_operators_reader() else { return Body::default() };
        // How many constructs are open, and how many were when the outermost loop began.
        let (mut depth, mut outermost) = (0u32, None);
        for operator in reader.into_iter_with_offsets() {
            let Ok((operator, offset)) = operator else { return Body::default() };
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            match operator {
                Operator::Loop { .. } if outermost.is_none() => {
                    outermost = Some(depth);
                    scanned.loops.push((offset, u32::MAX));
                }
                Operator::End | Operator::Delegate { .. }
                    if outermost.is_some() && outermost == depth.checked_sub(1) =>
                {
                    outermost = None;
                    scanned.loops.last_mut().into_iter().for_each(|(_, end)| *end = offset);
                }
                _ => {}
            }
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth = depth.saturating_add(1),
                Operator::Try { .. } | Operator::TryTable { .. } => depth = depth.saturating_add(1),
                Operator::End | Operator::Delegate { .. } => depth = depth.saturating_sub(1),
                _ => {}
            }
            scanned.cost = scanned.cost.saturating_add(cost(&operator));
            n_operators = n_operators.saturating_add(1);
            scanned.is_plain &= n_operators <= MOST_OPERATORS;
            match operator {
                Operator::Call { function_index } if (function_index as usize) < module.functions.len() => {
                    scanned.calls.push((FuncIndex::from_u32(function_index), outermost.is_some()));
                }
                Operator::Loop { .. }
                | Operator::Try { .. }
                | Operator::TryTable { .. }
                | Operator::CallIndirect { .. }
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::ReturnCallRef { .. } => scanned.is_plain = false,
                _ => {}
            }
        }
        scanned
    }

    /// A function that calls itself is a loop as a whole.
    fn mark_recursion(&mut self, func: FuncIndex) {
        if self.calls.iter().any(|(callee, _)| *callee == func) {
            self.loops = vec![(0, u32::MAX)];
            self.calls.iter_mut().for_each(|(_, is_frequent)| *is_frequent = true);
        }
    }
}

/// About the number of instructions that an operator becomes.
fn cost(operator: &Operator) -> u32 {
    use Operator as Op;
    match operator {
        Op::LocalGet { .. } | Op::LocalSet { .. } | Op::LocalTee { .. } | Op::Drop | Op::Nop => 0,
        Op::Block { .. } | Op::Loop { .. } | Op::End | Op::Else | Op::Return => 0,
        Op::I32Const { .. } | Op::I64Const { .. } => 0,
        Op::Call { .. } => CALL,
        Op::MemoryGrow { .. } | Op::MemoryCopy { .. } | Op::MemoryFill { .. } | Op::MemoryInit { .. } => 8,
        Op::TableCopy { .. } | Op::TableFill { .. } | Op::TableInit { .. } | Op::TableGrow { .. } => 8,
        Op::BrTable { targets } => targets.len().saturating_add(8),
        _ => 1,
    }
}

/// What a call of the function costs.
fn call_cost(module: &Module, func: FuncIndex) -> u32 {
    let n_params = module.function_type(func).params().len();
    u32::try_from(n_params).unwrap_or(u32::MAX).saturating_add(CALL)
}

/// A search of the calls among functions that may be copied, which finds those that come back to
/// themselves: each circle has a call of a function that the search is inside of.
struct Walk<'m> {
    bodies: &'m SecondaryMap<FuncIndex, Body>,
    limit: u32,
    plan: Plan,
    states: SecondaryMap<FuncIndex, State>,
    /// The functions that the search is inside of, and how many of their calls it has seen.
    path: Vec<(FuncIndex, usize)>,
}

#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    Inside,
    /// It calls itself.
    Circular,
    Done,
}

impl Walk<'_> {
    fn run(module: &Module, bodies: &SecondaryMap<FuncIndex, Body>, limit: u32) -> Plan {
        let plan = Plan { functions: SecondaryMap::new(), loops: SecondaryMap::new() };
        let mut walk = Walk { bodies, limit, plan, states: SecondaryMap::new(), path: Vec::new() };
        for func in module.functions.keys() {
            walk.plan.functions[func].own = bodies[func].cost;
            walk.enter(func);
            walk.follow();
        }
        walk.plan
    }

    fn enter(&mut self, func: FuncIndex) {
        let body = &self.bodies[func];
        match self.states[func] {
            State::New if body.is_plain && body.cost <= self.limit => {
                self.states[func] = State::Inside;
                self.path.push((func, 0));
            }
            State::New => self.states[func] = State::Done,
            State::Inside => self.states[func] = State::Circular,
            State::Circular | State::Done => {}
        }
    }

    fn follow(&mut self) {
        while let Some((func, n_seen)) = self.path.last_mut() {
            let func = *func;
            match self.bodies[func].calls.get(*n_seen) {
                Some(&(callee, _)) => {
                    *n_seen = n_seen.saturating_add(1);
                    self.enter(callee);
                }
                None => {
                    self.path.pop();
                    self.leave(func);
                }
            }
        }
    }

    /// What the function calls is done, or the search is inside of it.
    fn leave(&mut self, func: FuncIndex) {
        let is_circular = self.states[func] == State::Circular;
        self.states[func] = State::Done;
        let body = &self.bodies[func];
        let copied = body.calls.iter().filter_map(|(callee, _)| self.plan.cost(*callee));
        let total = copied.fold(body.cost, u32::saturating_add);
        if !is_circular && total <= self.limit {
            // A copy of nothing takes room too, or there could be any number of them.
            self.plan.functions[func].copied = Some(total.max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function for each list of calls, all of them small.
    fn copied(calls: &[&[u32]]) -> Vec<Option<u32>> {
        let mut bodies: SecondaryMap<FuncIndex, Body> = SecondaryMap::new();
        for (number, calls) in (0..).zip(calls) {
            let calls = calls.iter().map(|it| (FuncIndex::from_u32(*it), false)).collect();
            bodies[FuncIndex::from_u32(number)] = Body { cost: 2, calls, is_plain: true, loops: Vec::new() };
        }
        let mut walk = Walk {
            bodies: &bodies,
            limit: 9,
            plan: Plan { functions: SecondaryMap::new(), loops: SecondaryMap::new() },
            states: SecondaryMap::new(),
            path: Vec::new(),
        };
        for func in (0..).take(calls.len()).map(FuncIndex::from_u32) {
            walk.enter(func);
            walk.follow();
        }
        (0..).take(calls.len()).map(|func| walk.plan.cost(FuncIndex::from_u32(func))).collect()
    }

    #[test]
    fn copies_are_counted_with_what_is_copied_into_them() {
        assert_eq!(copied(&[&[], &[0, 0], &[1], &[2, 2]]), [Some(2), Some(6), Some(8), None]);
    }

    #[test]
    fn circles_are_broken() {
        assert_eq!(copied(&[&[0]]), [None]);
        assert_eq!(copied(&[&[1], &[2], &[0], &[1]]), [None, Some(4), Some(2), Some(6)]);
        assert_eq!(copied(&[&[1], &[2, 0], &[1]])[0..2], [None, None]);
    }
}
