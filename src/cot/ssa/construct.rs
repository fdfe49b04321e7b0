//! Into SSA form: variables become values and block parameters. Afterwards `variables` is empty, and no [`Op::Get`] and [`Op::Set`] are
//! left.
//!
//! A block gets a parameter for a variable where a read needs it and ways with different definitions may meet there (Braun et al.: "Simple
//! and efficient construction of static single assignment form", without the incremental part). What turns out to be one value on all ways
//! is cleaned away by `copy`. A variable that was never set is zero.

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
        graph,
        variables,
        at_end: vec![HashMap::new(); function.blocks.len()],
        at_start: vec![HashMap::new(); function.blocks.len()],
        renaming: Renaming::new(function),
        pending: Vec::new(),
        zeros: Vec::new(),
        function,
    };
    construction.find_last_sets();
    construction.rename();
    construction.fill_params();
    construction.finish();
}

struct Construction<'a> {
    function: &'a mut Function,
    graph: Graph,
    /// The types.
    variables: Vec<Type>,
    /// What a variable holds at the end of a block, if a block sets it or it was asked for.
    at_end: Vec<HashMap<Variable, Value>>,
    /// What it holds at the start, if it was asked for.
    at_start: Vec<HashMap<Variable, Value>>,
    /// Results of `get` and what they are.
    renaming: Renaming,
    /// Parameters whose arguments are not yet given.
    pending: Vec<(BlockId, Variable)>,
    zeros: Vec<Inst>,
}

impl Construction<'_> {
    fn find_last_sets(&mut self) {
        for (index, block) in self.function.blocks.iter().enumerate() {
            for inst in &block.insts {
                if let Op::Set(variable) = inst.op {
                    self.at_end[index].insert(variable, inst.args[0]);
                }
            }
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
                        let value = known.unwrap_or_else(|| self.value_at_start(block, variable));
                        self.renaming.replace(inst.results[0], value);
                    }
                    _ => kept.push(inst),
                }
            }
            self.function.blocks[block.index()].insts = kept;
        }
    }

    /// Follows the only ways backwards to a definition or to a block where ways meet.
    fn value_at_start(&mut self, block: BlockId, variable: Variable) -> Value {
        let mut passed = Vec::new();
        let mut at = block;
        let value = loop {
            if let Some(value) = self.at_start[at.index()].get(&variable) {
                break *value;
            }
            passed.push(at);
            match self.graph.predecessors[at.index()][..] {
                [] => break self.zero(variable),
                [only] => {
                    if let Some(value) = self.at_end[only.index()].get(&variable) {
                        break *value;
                    }
                    at = only;
                }
                _ => {
                    let value = self.function.new_value(self.variables[variable.0 as usize]);
                    self.function.blocks[at.index()].params.push(value);
                    self.pending.push((at, variable));
                    break value;
                }
            }
        };
        for block in passed {
            self.at_start[block.index()].insert(variable, value);
        }
        value
    }

    fn zero(&mut self, variable: Variable) -> Value {
        let ty = self.variables[variable.0 as usize];
        let value = self.function.new_value(ty);
        self.zeros.push(Inst { op: Op::Const(Const::zero(ty)), args: Vec::new(), results: vec![value] });
        value
    }

    fn value_at_end(&mut self, block: BlockId, variable: Variable) -> Value {
        match self.at_end[block.index()].get(&variable) {
            Some(value) => *value,
            None => self.value_at_start(block, variable),
        }
    }

    /// Gives each new parameter its arguments, which may need more parameters.
    fn fill_params(&mut self) {
        let mut done = 0;
        while done < self.pending.len() {
            let (block, variable) = self.pending[done];
            done += 1;
            for predecessor in self.graph.predecessors[block.index()].clone() {
                let value = self.value_at_end(predecessor, variable);
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
