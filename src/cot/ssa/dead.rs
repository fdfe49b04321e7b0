//! Dead code: blocks that nothing leads to, computations and parameters that nothing uses, blocks
//! that only follow one other.

use super::graph::{Ways, order};
use super::rename::Renaming;
use crate::cot::ir::{BlockId, Effect, End, Function, Op};

/// Requires: SSA form. Leaves: no unreachable block, no unused result without effect, no block
/// whose only predecessor only leads to it.
pub fn remove(function: &mut Function) {
    remove_unreachable(function);
    forward_empty_blocks(function);
    join_blocks(function);
    remove_unreachable(function);
    remove_unused(function);
}

/// Leaves: every block is reachable from the entry; blocks in reverse postorder.
pub fn remove_unreachable(function: &mut Function) {
    let order = order(function);
    let mut numbers = vec![None; function.blocks.len()];
    for (number, block) in order.iter().enumerate() {
        numbers[block.index()] = Some(BlockId(number as u32));
    }
    let mut blocks: Vec<_> = std::mem::take(&mut function.blocks).into_iter().map(Some).collect();
    let number = |block: BlockId| numbers[block.index()].expect("a successor of a reachable block is reachable");
    for block in order {
        let mut block = blocks[block.index()].take().expect("each block is in the order once");
        match &mut block.end {
            End::Switch { targets, default, .. } => {
                targets.iter_mut().chain([default]).for_each(|target| *target = number(*target));
            }
            end => end.edges_mut().for_each(|edge| edge.block = number(edge.block)),
        }
        function.blocks.push(block);
    }
}

/// A way to a block that does nothing but jump on leads to where it jumps. Not for targets of a
/// switch, which must have no other predecessor, and not where both ways of a branch would carry
/// different arguments to one block for no gain.
fn forward_empty_blocks(function: &mut Function) {
    let next = |function: &Function, block: BlockId| {
        let of = &function.blocks[block.index()];
        match &of.end {
            End::Jump(edge) if of.insts.is_empty() && of.params.is_empty() && edge.block != block => Some(edge.clone()),
            _ => None,
        }
    };
    for block in 0..function.blocks.len() {
        let n_edges = function.blocks[block].end.edges().count();
        for index in 0..n_edges {
            let mut steps = 0;
            loop {
                let edge = function.blocks[block].end.edges().nth(index).expect("it was counted");
                let Some(onward) = next(function, edge.block) else { break };
                steps += 1;
                if steps > function.blocks.len() {
                    break;
                }
                *function.blocks[block].end.edges_mut().nth(index).expect("it was counted") = onward;
            }
        }
        if let End::Branch { then, otherwise, .. } = &function.blocks[block].end
            && then == otherwise
        {
            function.blocks[block].end = End::Jump(then.clone());
        }
    }
}

/// Appends a block to its only predecessor, if that leads nowhere else.
fn join_blocks(function: &mut Function) {
    let ways = Ways::new(function);
    let mut renaming = Renaming::new(function);
    for block in &ways.order {
        while let End::Jump(edge) = &function.blocks[block.index()].end {
            let next = edge.block;
            if ways.predecessors[next.index()].len() != 1 || next == *block {
                break;
            }
            let args = edge.args.clone();
            let moved = &mut function.blocks[next.index()];
            let params = std::mem::take(&mut moved.params);
            let insts = std::mem::take(&mut moved.insts);
            let end = std::mem::replace(&mut moved.end, End::Unreachable);
            let end_position = moved.end_position;
            params.into_iter().zip(args).for_each(|(param, arg)| renaming.replace(param, arg));
            let block = &mut function.blocks[block.index()];
            block.insts.extend(insts);
            (block.end, block.end_position) = (end, end_position);
        }
    }
    renaming.apply(function);
}

/// Marks what is used, starting at effects and ends of blocks; arguments of unused parameters are
/// not uses.
fn remove_unused(function: &mut Function) {
    let mut producers = vec![Producer::None; function.values.len()];
    for (number, block) in function.blocks.iter().enumerate() {
        for (index, param) in block.params.iter().enumerate() {
            producers[param.index()] = Producer::Param(number, index);
        }
        for (index, inst) in block.insts.iter().enumerate() {
            inst.results.iter().for_each(|result| producers[result.index()] = Producer::Inst(number, index));
        }
    }
    let predecessors = Ways::new(function).predecessors;
    let mut used = vec![false; function.values.len()];
    let mut work = Vec::new();
    for block in &function.blocks {
        let kept = block.insts.iter().filter(|inst| has_effect(&inst.op));
        work.extend(kept.flat_map(|inst| inst.args.iter().copied()));
        match &block.end {
            End::Jump(_) => {}
            End::Branch { condition, .. } => work.push(*condition),
            end => work.extend(end.args()),
        }
    }
    while let Some(value) = work.pop() {
        if std::mem::replace(&mut used[value.index()], true) {
            continue;
        }
        match producers[value.index()] {
            Producer::Inst(block, index) => work.extend(&function.blocks[block].insts[index].args),
            Producer::Param(block, index) => {
                for predecessor in &predecessors[block] {
                    let edges = function.blocks[predecessor.index()].end.edges();
                    work.extend(edges.filter(|it| it.block.index() == block).map(|edge| edge.args[index]));
                }
            }
            Producer::None => {}
        }
    }
    let params: Vec<_> = function.blocks.iter().map(|block| block.params.clone()).collect();
    for (number, block) in function.blocks.iter_mut().enumerate() {
        if number > 0 {
            block.params.retain(|param| used[param.index()]);
        }
        block.insts.retain(|inst| has_effect(&inst.op) || inst.results.iter().any(|result| used[result.index()]));
        for edge in block.end.edges_mut() {
            let mut params = params[edge.block.index()].iter();
            edge.args.retain(|_| used[params.next().expect("an argument per parameter").index()]);
        }
    }
}

/// What defines a value.
#[derive(Copy, Clone)]
enum Producer {
    None,
    Inst(usize, usize),
    Param(usize, usize),
}

fn has_effect(op: &Op) -> bool {
    op.effect() == Effect::Any
}
