//! Checks leave loops: a loop that counts up to a limit gets a second version without those checks
//! that hold in every round, which runs where a test before the loop shows that they do. The loop
//! stays as it was beside it, and fails in the round where it always did.

use super::bounds::{self, Bounds};
use super::graph::Graph;
use super::region::{self, Loop};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Block, BlockId, Edge, End, Function, Inst, Op, Value};
use std::collections::{HashMap, HashSet};

/// Instructions, without constants, that a loop may have to be copied.
const LARGE: usize = 80;

/// Innermost loops. Requires: SSA form without unreachable blocks, loops that test at the end.
/// Leaves: SSA form. Returns whether anything changed.
pub fn remove_checks(function: &mut Function) -> bool {
    remove_from(function, region::innermost_loops)
}

/// Loops around innermost ones, as [`remove_checks`].
pub fn remove_outer_checks(function: &mut Function) -> bool {
    remove_from(function, region::loops_around_innermost)
}

/// Returns whether there were any.
fn remove_from(function: &mut Function, find: fn(&Graph) -> Vec<Loop>) -> bool {
    let graph = Graph::new(function);
    let loops: Vec<Loop> = find(&graph).into_iter().filter(|it| is_fit(function, it)).collect();
    if loops.is_empty() {
        return false;
    }
    let constants = bounds::constants(function);
    let plans: Vec<Plan> = loops.into_iter().filter_map(|it| plan(function, &constants, it)).collect();
    if plans.is_empty() {
        return false;
    }
    let part = (0..).zip(&plans).flat_map(|(number, plan)| plan.of.blocks.iter().map(move |it| (*it, number)));
    region::separate(function, &part.collect());
    let mut copies = HashMap::new();
    for plan in plans {
        apply(function, &graph, plan, &mut copies);
    }
    super::construct::construct(function);
    true
}

/// A loop, the checks that it does without, and the test before it.
struct Plan {
    of: Loop,
    /// Blocks that end with such a check, and whether its condition holds in every round.
    checks: Vec<(BlockId, bool)>,
    /// Has no predecessor yet.
    test: BlockId,
}

/// Whether the loop is small and calls nothing.
fn is_fit(function: &Function, of: &Loop) -> bool {
    let blocks = || of.blocks.iter().map(|block| &function.blocks[block.index()]);
    let is_plain = |inst: &Inst| {
        matches!(inst.op, Op::Const(_) | Op::Numeric(_) | Op::Select | Op::Load { .. } | Op::Store { .. })
            || matches!(inst.op, Op::Frame(_) | Op::HeapBase)
    };
    function.n_insts(&of.blocks) <= LARGE
        && blocks().all(|it| !matches!(it.end, End::Switch { .. }) && it.insts.iter().all(is_plain))
        && blocks().any(|it| check(function, it).is_some())
}

/// What a block's end checks: the condition, and whether it has to hold.
fn check(function: &Function, block: &Block) -> Option<(Value, bool)> {
    let End::Branch { condition, then, otherwise } = &block.end else { return None };
    let fails = |edge: &Edge| matches!(function.blocks[edge.block.index()].end, End::Unreachable);
    match (fails(then), fails(otherwise)) {
        (false, true) => Some((*condition, true)),
        (true, false) => Some((*condition, false)),
        _ => None,
    }
}

fn plan(function: &mut Function, constants: &HashMap<Value, i64>, of: Loop) -> Option<Plan> {
    let params = function.blocks[of.header.index()].params.clone();
    let params: Vec<Value> = params.into_iter().map(|param| function.new_value(function.ty(param))).collect();
    let conditions = of.blocks.iter().map(|it| (*it, check(function, &function.blocks[it.index()])));
    let conditions: Vec<_> = conditions.filter_map(|(block, check)| Some((block, check?))).collect();
    let mut bounds = Bounds::new(function, constants, &of, &params)?;
    let mut checks = Vec::new();
    for (block, (condition, wanted)) in conditions {
        let mark = bounds.mark();
        match holds(&mut bounds, condition, wanted) {
            Some(()) => checks.push((block, wanted)),
            None => bounds.back_to(mark),
        }
    }
    if checks.is_empty() {
        return None;
    }
    let mut all = bounds.conditions.clone();
    let changing = made_of(&params, &bounds.code.0);
    all.sort_by_key(|condition| changing.contains(condition));
    let all = all.into_iter();
    let condition = all.reduce(|all, next| bounds.emit(Numeric::I32And, &[all, next])).expect("the counter has some");
    let insts = std::mem::take(&mut bounds.code.0);
    let test = BlockId(function.blocks.len() as u32);
    let edge = Edge { block: of.header, args: params.clone() };
    let end = End::Branch { condition, then: edge.clone(), otherwise: edge };
    function.blocks.push(Block { params, insts, end, end_position: None });
    Some(Plan { of, checks, test })
}

/// What depends on where the loop begins. The conditions that do not come first, so that their
/// conjunction is one value, which a loop around this one may compute once.
fn made_of(params: &[Value], code: &[Inst]) -> HashSet<Value> {
    let mut changing: HashSet<Value> = params.iter().copied().collect();
    for inst in code {
        if inst.args.iter().any(|arg| changing.contains(arg)) {
            changing.extend(&inst.results);
        }
    }
    changing
}

/// Has the bounds require what makes a condition true, or false, in every round. None if that
/// can't be said.
fn holds(bounds: &mut Bounds, condition: Value, wanted: bool) -> Option<()> {
    use Numeric::{I32Eqz, I32Or, I64GeU, I64GtU, I64LeU, I64LtU};
    let inst = bounds.definition(condition).cloned();
    let (numeric, args) = match &inst {
        Some(Inst { op: Op::Numeric(numeric), args, .. }) => (Some(*numeric), &args[..]),
        _ => (None, &[][..]),
    };
    match (numeric, wanted) {
        (Some(I32Eqz), _) => holds(bounds, args[0], !wanted),
        (Some(I32Or), false) => args.iter().try_for_each(|part| holds_part(bounds, *part)),
        (Some(I64GeU), false) | (Some(I64LtU), true) => below(bounds, args[0], args[1], Numeric::I64LtS),
        (Some(I64LeU), false) | (Some(I64GtU), true) => below(bounds, args[1], args[0], Numeric::I64LtS),
        (Some(I64GtU), false) | (Some(I64LeU), true) => below(bounds, args[0], args[1], Numeric::I64LeS),
        (Some(I64LtU), false) | (Some(I64GeU), true) => below(bounds, args[1], args[0], Numeric::I64LeS),
        _ => {
            if let Some(condition) = bounds.fixed(condition) {
                let (number, zero) = (bounds.emit(Numeric::I64ExtendI32U, &[condition]), bounds.constant(0));
                bounds.require(if wanted { Numeric::I64Ne } else { Numeric::I64Eq }, number, zero);
                return Some(());
            }
            // An address.
            let interval = bounds.of(condition).filter(|_| wanted)?;
            let zero = bounds.constant(0);
            bounds.require(Numeric::I64LtS, zero, interval.low);
            Some(())
        }
    }
}

/// A part of a check that fails where one of its parts is true. Parts have no parts.
fn holds_part(bounds: &mut Bounds, part: Value) -> Option<()> {
    let is_whole = bounds.definition(part).is_none_or(|inst| inst.op != Op::Numeric(Numeric::I32Or));
    if is_whole { holds(bounds, part, false) } else { None }
}

/// `left` is not negative and compares so with `right`.
fn below(bounds: &mut Bounds, left: Value, right: Value, compare: Numeric) -> Option<()> {
    let (left, right) = (bounds.of(left)?, bounds.of(right)?);
    let zero = bounds.constant(0);
    bounds.require(Numeric::I64LeS, zero, left.low);
    bounds.require(compare, left.high, right.low);
    Some(())
}

/// `copies`: by the blocks of all loops that were copied.
fn apply(function: &mut Function, graph: &Graph, plan: Plan, copies: &mut HashMap<BlockId, BlockId>) {
    let Plan { of, checks, test } = plan;
    let copied = region::copy(function, &of.blocks).blocks;
    for (block, wanted) in checks {
        let end = &mut function.blocks[copied[&block].index()].end;
        let End::Branch { then, otherwise, .. } = end else { unreachable!("a check branches") };
        *end = End::Jump(if wanted { then.clone() } else { otherwise.clone() });
    }
    let End::Branch { then, .. } = &mut function.blocks[test.index()].end else { unreachable!("tests branch") };
    then.block = copied[&of.header];
    for before in graph.predecessors[of.header.index()].iter().filter(|before| **before != of.latch) {
        for block in [Some(before), copies.get(before)].into_iter().flatten() {
            let edges = function.blocks[block.index()].end.edges_mut();
            edges.filter(|edge| edge.block == of.header).for_each(|edge| edge.block = test);
        }
    }
    copies.extend(copied);
}
