//! Inlining: a call of a small function becomes the function's body, also that of a closure that is
//! known once what calls it is a part of what makes it. Callees come before their
//! callers, so what was inlined into a function counts as its own; functions that call
//! themselves, directly or not, stay as they are.
//!
//! Positions stay those of the callee's source; what has none gets the call's. That the copy was a
//! function is forgotten: in a backtrace its lines are the caller's.

use super::closure;
use super::graph::has_loop;
use crate::cot::ir::module::{FuncKind, Module};
use crate::cot::ir::{Block, BlockId, Edge, End, FuncId, Function, Op, Value};

/// Instructions, without constants, that a function may have to be small.
const SMALL: usize = 20;
/// Instructions from which on a function grows no more.
const LARGE: usize = 5000;
/// As [`SMALL`] and [`LARGE`], of a function that calls itself.
const SMALL_RECURSIVE: usize = 40;
const LARGE_RECURSIVE: usize = 300;

/// Requires: SSA form. Leaves: no call of a small function, other than in large functions, around
/// cycles of calls, of `main`, of what is outlined, and of those that `count` and `pin` know.
pub fn inline(module: &mut Module) {
    let mut is_small = vec![false; module.functions.len()];
    for index in callees_first(module) {
        let FuncKind::Defined(function) = &mut module.functions[index].kind else { continue };
        let mut function = std::mem::replace(&mut **function, super::placeholder());
        inline_into(&mut function, module, &is_small);
        let id = FuncId(index as u32);
        unroll(&mut function, id);
        let counting = &module.counting;
        let known = module.main.iter().chain(&module.outlined).chain(&module.borrowers);
        let mut known = known.chain(&counting.givers).chain(&counting.failing);
        let is_known = known.any(|it| *it == id);
        is_small[index] = is_small_function(&function, id) && !is_known;
        module.functions[index].kind = FuncKind::Defined(Box::new(function));
    }
}

/// Functions with a body, each after those that it calls, as far as there is such an order.
pub fn callees_first(module: &Module) -> Vec<usize> {
    let mut order = Vec::new();
    let mut seen = vec![false; module.functions.len()];
    for root in 0..module.functions.len() {
        let mut stack = vec![(root, None)];
        while let Some((index, callees)) = stack.pop() {
            let mut callees = match callees {
                Some(callees) => callees,
                None if std::mem::replace(&mut seen[index], true) => continue,
                None => callees_of(module, index),
            };
            match callees.pop() {
                Some(callee) => stack.extend([(index, Some(callees)), (callee, None)]),
                None => order.push(index),
            }
        }
    }
    order
}

fn callees_of(module: &Module, index: usize) -> Vec<usize> {
    let FuncKind::Defined(function) = &module.functions[index].kind else { return Vec::new() };
    let insts = function.blocks.iter().flat_map(|block| &block.insts);
    let closures = closure::made_in(function, module).into_iter().map(|it| it.0 as usize);
    let callee = |op: &Op| if let Op::Call(FuncId(callee)) = op { Some(*callee as usize) } else { None };
    insts.filter_map(|inst| callee(&inst.op)).chain(closures).collect()
}

fn n_insts(function: &Function) -> usize {
    function.blocks.iter().map(Block::n_insts).sum()
}

/// What never returns is called where the program fails: there is nothing to gain.
fn is_small_function(function: &Function, id: FuncId) -> bool {
    let returns = function.blocks.iter().any(|block| matches!(block.end, End::Return(_)));
    let calls_itself = || function.blocks.iter().flat_map(|block| &block.insts).any(|inst| inst.op == Op::Call(id));
    returns && function.frame_size == 0 && n_insts(function) <= SMALL && !calls_itself()
}

fn inline_into(function: &mut Function, module: &Module, is_small: &[bool]) {
    let mut size = n_insts(function);
    // Blocks after an inlined call are looked at as well; inlined ones only if they call a closure
    // that the function makes.
    let mut work: Vec<usize> = (0..function.blocks.len()).collect();
    loop {
        let Some(block) = work.pop() else {
            work = closure::call_directly(function, module);
            if work.is_empty() {
                return;
            }
            continue;
        };
        let small_call = |op: &Op| matches!(op, Op::Call(FuncId(callee)) if is_small[*callee as usize]);
        let place = function.blocks[block].insts.iter().position(|inst| small_call(&inst.op));
        let Some(place) = place.filter(|_| size < LARGE) else { continue };
        let Op::Call(FuncId(callee)) = function.blocks[block].insts[place].op else { continue };
        let FuncKind::Defined(callee) = &module.functions[callee as usize].kind else { continue };
        size += n_insts(callee);
        work.push(splice(function, block, place, callee));
    }
}

/// A function that calls itself does several levels of that at once: its calls of itself become
/// copies of its body, as long as it stays small. Not with loops: those take the time, and want the
/// registers.
fn unroll(function: &mut Function, id: FuncId) {
    if n_insts(function) > SMALL_RECURSIVE || function.frame_size > 0 || has_loop(function) {
        return;
    }
    let original = function.clone();
    let call_in = |function: &Function, block: usize| {
        function.blocks[block].insts.iter().position(|inst| inst.op == Op::Call(id))
    };
    loop {
        let mut work: Vec<usize> =
            (0..function.blocks.len()).filter(|block| call_in(function, *block).is_some()).collect();
        let n_calls = work.iter().map(|block| &function.blocks[*block].insts);
        let n_calls = n_calls.flatten().filter(|inst| inst.op == Op::Call(id)).count();
        let size = n_insts(function) + n_calls * n_insts(&original);
        if n_calls == 0 || size > LARGE_RECURSIVE {
            return;
        }
        while let Some(block) = work.pop() {
            if let Some(place) = call_in(function, block) {
                work.push(splice(function, block, place, &original));
            }
        }
    }
}

/// Puts the callee's blocks after all others; the caller's block is split at the call. Returns the
/// block with what follows it.
fn splice(function: &mut Function, block: usize, place: usize, callee: &Function) -> usize {
    let of = &mut function.blocks[block];
    let rest = of.insts.split_off(place + 1);
    let call = of.insts.pop().expect("the call is there");
    let end = std::mem::replace(&mut of.end, End::Unreachable);
    let end_position = std::mem::replace(&mut of.end_position, call.position);
    let behind = BlockId(function.blocks.len() as u32);
    function.blocks.push(Block { params: call.results, insts: rest, end, end_position });
    let first = function.blocks.len() as u32;
    function.blocks[block].end = End::Jump(Edge { block: BlockId(first), args: Vec::new() });

    // The callee's values in the caller; its parameters are the arguments.
    let mut values: Vec<_> = callee.values.iter().map(|_| Value(u32::MAX)).collect();
    for (param, arg) in callee.blocks[0].params.iter().zip(&call.args) {
        values[param.index()] = *arg;
    }
    for (value, ty) in values.iter_mut().zip(&callee.values).filter(|(value, _)| value.0 == u32::MAX) {
        *value = function.new_value(*ty);
    }
    let map = |value: Value| values[value.index()];
    let moved = |block: BlockId| BlockId(first + block.0);
    for (number, block) in callee.blocks.iter().enumerate() {
        let mut block = block.clone();
        if number == BlockId::ENTRY.index() {
            block.params.clear();
        }
        block.params.iter_mut().for_each(|param| *param = map(*param));
        for inst in &mut block.insts {
            inst.args.iter_mut().chain(&mut inst.results).for_each(|value| *value = map(*value));
            inst.position = inst.position.or(call.position);
        }
        block.end_position = block.end_position.or(call.position);
        block.end.map_args(map);
        match &mut block.end {
            End::Return(results) => block.end = End::Jump(Edge { block: behind, args: std::mem::take(results) }),
            End::Switch { targets, default, .. } => {
                targets.iter_mut().chain([default]).for_each(|target| *target = moved(*target));
            }
            end => end.edges_mut().for_each(|edge| edge.block = moved(edge.block)),
        }
        function.blocks.push(block);
    }
    behind.index()
}
