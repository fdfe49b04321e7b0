//! Into SSA form: variables become values and block parameters. Afterwards `variables` is empty,
//! and no [`Op::Get`] and [`Op::Set`] are left.
//!
//! A block gets a parameter for a variable where a read needs it and ways with different
//! definitions may meet there (Braun et al.: "Simple and efficient construction of static single
//! assignment form", without the incremental part). What turns out to be one value on all ways is
//! cleaned away by `copy`. A variable that was never set is zero.

use super::graph::Graph;
use super::rename::Renaming;
use crate::cot::ir::{BlockId, Const, Function, Inst, Op, Type, Value, Variable};
use std::collections::HashMap;

/// Requires: the form of lowering. Leaves: SSA form, without unreachable blocks.
pub fn construct(function: &mut Function) {
    super::dead::remove_unreachable(function);
    if function.variables.is_empty() {
        return;
    }
    let graph = Graph::new(function);
    let variables = std::mem::take(&mut function.variables);
    let mut construction = Construction {
        sets: vec![Vec::new(); variables.len()],
        merge: vec![BlockId::ENTRY; function.blocks.len()],
        graph,
        variables,
        at_merge: HashMap::new(),
        renaming: Renaming::new(function),
        pending: Vec::new(),
        zeros: Vec::new(),
        function,
    };
    construction.survey();
    construction.rename();
    construction.fill_params();
    construction.finish();
}

struct Construction<'a> {
    function: &'a mut Function,
    graph: Graph,
    /// The types.
    variables: Vec<Type>,
    /// Blocks that set a variable, in the order of the walk over the tree of dominators, and what
    /// it holds at their end.
    sets: Vec<Vec<(BlockId, Value)>>,
    /// The last block on the only way to a block, itself included, where ways meet; or the entry.
    merge: Vec<BlockId>,
    /// What a variable holds at the start of a block where ways meet, if it was asked for.
    at_merge: HashMap<(BlockId, Variable), Value>,
    /// Results of `get` and what they are.
    renaming: Renaming,
    /// Parameters whose arguments are not yet given.
    pending: Vec<(BlockId, Variable)>,
    zeros: Vec<Inst>,
}

impl Construction<'_> {
    fn survey(&mut self) {
        for block in &self.graph.order {
            self.merge[block.index()] = match self.graph.predecessors[block.index()][..] {
                [only] => self.merge[only.index()],
                _ => *block,
            };
        }
        let mut walk = self.graph.order.clone();
        walk.sort_by_key(|block| self.graph.walk_place(*block));
        for block in walk {
            let mut last: HashMap<Variable, Value> = HashMap::new();
            for inst in &self.function.blocks[block.index()].insts {
                if let Op::Set(variable) = inst.op {
                    last.insert(variable, inst.args[0]);
                }
            }
            last.into_iter().for_each(|(variable, value)| self.sets[variable.0 as usize].push((block, value)));
        }
    }

    /// Takes `get` and `set` out of all blocks.
    fn rename(&mut self) {
        for block in self.graph.order.clone() {
            let insts = std::mem::take(&mut self.function.blocks[block.index()].insts);
            let mut held: HashMap<Variable, Value> = HashMap::new();
            let mut kept = Vec::with_capacity(insts.len());
            for inst in insts {
                match inst.op {
                    Op::Set(variable) => {
                        held.insert(variable, inst.args[0]);
                    }
                    Op::Get(variable) => {
                        let known = held.get(&variable).copied();
                        let value = known.unwrap_or_else(|| self.value_before(block, variable, false));
                        self.renaming.replace(inst.results[0], value);
                    }
                    _ => kept.push(inst),
                }
            }
            self.function.blocks[block.index()].insts = kept;
        }
    }

    /// What a variable holds at the start of a block, or at its end: what was set last on the only
    /// way from where ways meet, or what it holds there.
    fn value_before(&mut self, block: BlockId, variable: Variable, at_end: bool) -> Value {
        let merge = self.merge[block.index()];
        let (first, last) = (self.graph.walk_place(merge), self.graph.walk_place(block) + usize::from(at_end));
        let sets = &self.sets[variable.0 as usize];
        let n_before = sets.partition_point(|(at, _)| self.graph.walk_place(*at) < last);
        let since = sets[..n_before].iter().rev().take_while(|(at, _)| self.graph.walk_place(*at) >= first);
        let above = since.filter(|(at, _)| self.graph.dominates(*at, block)).map(|(_, value)| *value).next();
        above.unwrap_or_else(|| self.value_at_merge(merge, variable))
    }

    fn value_at_merge(&mut self, merge: BlockId, variable: Variable) -> Value {
        if let Some(value) = self.at_merge.get(&(merge, variable)) {
            return *value;
        }
        let value = if merge == BlockId::ENTRY {
            self.zero(variable)
        } else {
            let value = self.function.new_value(self.variables[variable.0 as usize]);
            self.function.blocks[merge.index()].params.push(value);
            self.pending.push((merge, variable));
            value
        };
        self.at_merge.insert((merge, variable), value);
        value
    }

    fn zero(&mut self, variable: Variable) -> Value {
        let ty = self.variables[variable.0 as usize];
        let value = self.function.new_value(ty);
        let op = Op::Const(Const::zero(ty));
        self.zeros.push(Inst { op, args: Vec::new(), results: vec![value], position: None });
        value
    }

    /// Gives each new parameter its arguments, which may need more parameters.
    fn fill_params(&mut self) {
        let mut done = 0;
        while done < self.pending.len() {
            let (block, variable) = self.pending[done];
            done += 1;
            let predecessors = self.graph.predecessors[block.index()].to_vec();
            for predecessor in predecessors {
                let value = self.value_before(predecessor, variable, true);
                for edge in self.function.blocks[predecessor.index()].end.edges_mut() {
                    if edge.block == block {
                        edge.args.push(value);
                    }
                }
            }
        }
    }

    fn finish(self) {
        let Construction { function, renaming, zeros, .. } = self;
        function.blocks[0].insts.splice(0..0, zeros);
        renaming.apply(function);
    }
}
