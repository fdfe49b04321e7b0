//! Strength reduction (Cocke and Kennedy: "An algorithm for reduction of operator strength",
//! 1977): addresses for which a loop multiplies grow by a distance instead.
//!
//! An address that is a sum of products with a counter and what does not change grows by the same
//! distance in every round, modulo 2^32, whether anything wraps or not. Loops of one block only: in
//! others checks want the products.

use super::bounds;
use super::early::{Code, Early};
use super::graph::Graph;
use super::region::{self, Loop};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Block, BlockId, Const, Edge, End, Function, Inst, Op, Type, Value};
use std::collections::HashMap;

/// Addresses that grow, of one loop: each takes a register.
const MOST: usize = 4;

/// Instructions, without constants, that a loop may have.
const LARGE: usize = 80;

/// Requires: SSA form without unreachable blocks. Leaves: SSA form.
pub fn reduce(function: &mut Function) {
    let graph = Graph::new(function);
    let is_fit = |of: &Loop| of.blocks.len() == 1 && function.n_insts(&of.blocks) <= LARGE;
    let loops: Vec<Loop> = region::innermost_loops(&graph).into_iter().filter(is_fit).collect();
    if loops.is_empty() {
        return;
    }
    let constants = bounds::constants(function);
    for of in loops {
        let of = &of;
        let Some(plan) = plan(function, &constants, of) else { continue };
        apply(function, &graph, of, plan);
    }
}

struct Plan {
    /// What runs before the loop, for parameters with these values.
    params: Vec<Value>,
    code: Vec<Inst>,
    /// The address in the loop, what it is in the first round, and by how much it grows.
    addresses: Vec<(Value, Value, Value)>,
}

/// The code before a loop while it is written.
struct Writer<'f> {
    function: &'f mut Function,
    constants: &'f HashMap<Value, i64>,
    early: Early,
    code: Code,
    /// What [`Writer::growth`] found.
    known: HashMap<Value, Option<Growth>>,
    /// By how much parameters of the header grow.
    steps: HashMap<Value, Value>,
    /// A product was met that is not a shift.
    multiplies: bool,
}

/// By how much a value grows in a round: none where it does not.
type Growth = Option<Value>;

fn plan(function: &mut Function, constants: &HashMap<Value, i64>, of: &Loop) -> Option<Plan> {
    let accesses = of.blocks.iter().flat_map(|block| &function.blocks[block.index()].insts);
    let address = |inst: &Inst| matches!(inst.op, Op::Load { .. } | Op::Store { .. }).then(|| inst.args[0]);
    let mut addresses: Vec<Value> = accesses.filter_map(address).collect();
    addresses.sort();
    addresses.dedup();
    let header = &function.blocks[of.header.index()];
    let params = header.params.clone();
    let end = &function.blocks[of.latch.index()].end;
    let next = end.edges().find(|edge| edge.block == of.header)?.args.clone();
    let early = Early::new(region::definitions(function, &of.blocks));
    let (code, known, steps) = (Code::default(), HashMap::new(), HashMap::new());
    let mut writer = Writer { function, constants, early, code, known, steps, multiplies: false };
    for (param, next) in params.iter().zip(next) {
        writer.find_step(*param, next);
    }
    let grown: Vec<_> = addresses.into_iter().filter_map(|it| Some((it, writer.growth(it)??))).collect();
    if !writer.multiplies || grown.is_empty() || grown.len() > MOST {
        return None;
    }
    // What the addresses are in the first round.
    let first: Vec<Value> = params.iter().map(|param| writer.function.new_value(writer.function.ty(*param))).collect();
    let mut at_first = writer.early.with(params.into_iter().zip(first.iter().copied()));
    let mut begin = |(address, growth)| {
        let first = at_first.value(writer.function, &mut writer.code, address)?;
        Some((address, first, growth))
    };
    let addresses = grown.into_iter().map(&mut begin).collect::<Option<Vec<_>>>()?;
    Some(Plan { params: first, code: writer.code.0, addresses })
}

impl Writer<'_> {
    /// Notes a parameter that grows by what does not change.
    fn find_step(&mut self, param: Value, next: Value) {
        let Some(Inst { op: Op::Numeric(numeric), args, .. }) = self.early.definition(next).cloned() else { return };
        let ty = self.function.ty(param);
        let step = match numeric {
            Numeric::I64Add | Numeric::I32Add if args[0] == param => args[1],
            Numeric::I64Add | Numeric::I32Add if args[1] == param => args[0],
            Numeric::I64Sub | Numeric::I32Sub if args[0] == param => args[1],
            _ => return,
        };
        let Some(mut step) = self.early.value(self.function, &mut self.code, step) else { return };
        if matches!(numeric, Numeric::I64Sub | Numeric::I32Sub) {
            let zero = self.code.constant(self.function, Const::zero(ty));
            step = self.emit(numeric, &[zero, step]);
        }
        self.steps.insert(param, step);
    }

    /// How a value of the loop grows; `None` where that changes from round to round.
    fn growth(&mut self, value: Value) -> Option<Growth> {
        if let Some(known) = self.known.get(&value) {
            return *known;
        }
        let growth = self.find_growth(value);
        self.known.insert(value, growth);
        growth
    }

    fn find_growth(&mut self, value: Value) -> Option<Growth> {
        use Numeric::{I32Add, I32Mul, I32Shl, I32Sub, I32WrapI64, I64Add, I64Mul, I64Shl, I64Sub};
        if let Some(step) = self.steps.get(&value) {
            return Some(Some(*step));
        }
        if self.early.value(self.function, &mut self.code, value).is_some() {
            return Some(None);
        }
        let Inst { op: Op::Numeric(numeric), args, .. } = self.early.definition(value)?.clone() else { return None };
        let growths = args.iter().map(|arg| self.growth(*arg)).collect::<Option<Vec<_>>>()?;
        match (numeric, &growths[..]) {
            (I32WrapI64, &[Some(growth)]) => Some(Some(self.emit(numeric, &[growth]))),
            (I64Add | I32Add, &[Some(growth), None] | &[None, Some(growth)]) => Some(Some(growth)),
            (I64Sub | I32Sub, &[Some(growth), None]) => Some(Some(growth)),
            (I64Add | I32Add | I64Sub | I32Sub, &[Some(left), Some(right)]) => {
                Some(Some(self.emit(numeric, &[left, right])))
            }
            (I64Mul | I32Mul, &[Some(growth), None]) => self.product(numeric, growth, args[1]),
            (I64Mul | I32Mul, &[None, Some(growth)]) => self.product(numeric, growth, args[0]),
            (I64Shl | I32Shl, &[Some(growth), None]) => {
                let by = self.early.value(self.function, &mut self.code, args[1])?;
                Some(Some(self.emit(numeric, &[growth, by])))
            }
            _ => None,
        }
    }

    fn product(&mut self, numeric: Numeric, growth: Value, factor: Value) -> Option<Growth> {
        self.multiplies |= !self.constants.contains_key(&factor);
        let factor = self.early.value(self.function, &mut self.code, factor)?;
        Some(Some(self.emit(numeric, &[growth, factor])))
    }

    fn emit(&mut self, numeric: Numeric, args: &[Value]) -> Value {
        self.code.numeric(self.function, numeric, args)
    }
}

/// The addresses become parameters of the loop's header.
fn apply(function: &mut Function, graph: &Graph, of: &Loop, plan: Plan) {
    let before = BlockId(function.blocks.len() as u32);
    for outside in graph.predecessors[of.header.index()].iter().filter(|it| **it != of.latch) {
        let edges = function.blocks[outside.index()].end.edges_mut();
        edges.filter(|edge| edge.block == of.header).for_each(|edge| edge.block = before);
    }
    let firsts = plan.addresses.iter().map(|(_, first, _)| *first);
    let args = plan.params.iter().copied().chain(firsts).collect();
    let end = End::Jump(Edge { block: of.header, args });
    function.blocks.push(Block { params: plan.params, insts: plan.code, end, end_position: None });
    let mut renamed = HashMap::new();
    for (address, _, growth) in plan.addresses {
        let (param, next) = (function.new_value(Type::I32), function.new_value(Type::I32));
        renamed.insert(address, param);
        function.blocks[of.header.index()].params.push(param);
        let op = Op::Numeric(Numeric::I32Add);
        let latch = &mut function.blocks[of.latch.index()];
        latch.insts.push(Inst { op, args: vec![param, growth], results: vec![next], position: None });
        let edges = latch.end.edges_mut();
        edges.filter(|edge| edge.block == of.header).for_each(|edge| edge.args.push(next));
    }
    for block in &of.blocks {
        for inst in &mut function.blocks[block.index()].insts {
            if matches!(inst.op, Op::Load { .. } | Op::Store { .. }) {
                inst.args[0] = renamed.get(&inst.args[0]).copied().unwrap_or(inst.args[0]);
            }
        }
    }
}
