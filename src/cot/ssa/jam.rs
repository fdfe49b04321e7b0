//! Unroll and jam (Callahan, Carr, Kennedy: "Improving register allocation for subscripted
//! variables", 1990): two rounds of an outer loop run their inner loops together, so that the sum
//! of one does not wait for the sum of the other. Each sum adds what it added, in its order.
//!
//! A test before the inner loop shows that there is a next round, that it would come to its inner
//! loop, and that this reads nothing that the first round stores afterwards, nor leaves the memory.

use super::bounds::{self, Bounds};
use super::early::{Code, Early};
use super::graph::Graph;
use super::nest::{self, Nest};
use super::region::{self, Loop};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Block, BlockId, Edge, End, Function, Inst, Op, Value};
use std::collections::HashMap;

/// Fewer rounds of the inner loop are not worth the test.
const ROUNDS: i64 = 16;

/// Nests of one function that are taken, one after the other: each makes a new form.
const MOST_NESTS: usize = 16;

/// Requires: SSA form without unreachable blocks, loops that test at the end. Leaves: SSA form.
/// Returns whether anything changed.
pub fn jam(function: &mut Function) -> bool {
    (0..MOST_NESTS).take_while(|_| jam_one(function)).count() > 0
}

fn jam_one(function: &mut Function) -> bool {
    let graph = Graph::new(function);
    let nests = nest::find(function, &graph);
    if nests.is_empty() {
        return false;
    }
    let constants = bounds::constants(function);
    let Some(plan) = nests.into_iter().find_map(|it| plan(function, &constants, it)) else { return false };
    let front = plan.nest.front.iter().map(|block| (*block, 0));
    let part = front.chain(plan.nest.rest.iter().map(|block| (*block, 1)));
    region::separate(function, &part.collect());
    apply(function, &plan);
    super::construct::construct(function);
    super::copy::propagate(function);
    true
}

struct Plan {
    nest: Nest,
    /// The test, and its result.
    code: Vec<Inst>,
    condition: Value,
    /// What the inner loop begins with.
    first: Vec<Value>,
    /// By the values of a round before its inner loop, those of the next round.
    changes: HashMap<Value, Value>,
    /// By what the inner loop defines, whether it is the same in both rounds.
    same: HashMap<Value, bool>,
}

/// The code of a test while it is written.
struct Writer<'f> {
    function: &'f mut Function,
    /// What the rest of a round computes, as far as that is known before its inner loop.
    early: Early,
    code: Code,
    conditions: Vec<Value>,
    changes: HashMap<Value, Value>,
}

impl Writer<'_> {
    /// A value of the rest of a round, computed before the inner loop.
    fn early(&mut self, value: Value) -> Option<Value> {
        self.early.value(self.function, &mut self.code, value)
    }

    fn push(&mut self, mut inst: Inst) -> Value {
        let result = self.function.new_value(self.function.ty(inst.results[0]));
        inst.results = vec![result];
        self.code.0.push(inst);
        result
    }

    fn numeric(&mut self, numeric: Numeric, args: &[Value]) -> Value {
        self.code.numeric(self.function, numeric, args)
    }

    fn next(&self, value: Value) -> Value {
        self.changes.get(&value).copied().unwrap_or(value)
    }

    fn require(&mut self, condition: Value, wanted: bool) {
        let condition = if wanted { condition } else { self.numeric(Numeric::I32Eqz, &[condition]) };
        self.conditions.push(condition);
    }
}

fn plan(function: &mut Function, constants: &HashMap<Value, i64>, nest: Nest) -> Option<Plan> {
    let unknown = region::definitions(function, &[nest.inner]).into_keys().map(|value| (value, None));
    let mut definitions = region::definitions(function, &nest.rest);
    definitions.extend(unknown);
    let early = Early::new(definitions);
    let (code, conditions, changes) = (Code::default(), Vec::new(), HashMap::new());
    let mut writer = Writer { function, early, code, conditions, changes };
    next_round(&mut writer, &nest)?;
    next_path(&mut writer, &nest)?;
    let first = first_of(writer.function, &nest)?;
    let shared = nest::shared_params(writer.function, nest.inner, &first, &writer.changes);
    let same = nest::same_values(writer.function, nest.inner, &shared, &writer.changes);
    let End::Branch { condition, .. } = writer.function.blocks[nest.inner.index()].end else { return None };
    if same.get(&condition) != Some(&true) {
        return None;
    }
    independent(&mut writer, constants, &nest, &first)?;
    let conditions = std::mem::take(&mut writer.conditions).into_iter();
    let condition = conditions.reduce(|all, next| writer.numeric(Numeric::I32And, &[all, next]))?;
    let Writer { code, changes, .. } = writer;
    Some(Plan { nest, code: code.0, condition, first, changes, same })
}

/// That there is a next round, and what it begins with.
fn next_round(writer: &mut Writer, nest: &Nest) -> Option<()> {
    let End::Branch { condition, then, otherwise } = writer.function.blocks[nest.latch.index()].end.clone() else {
        return None;
    };
    let goes_on = then.block == nest.header;
    let edge = if goes_on { &then } else { &otherwise };
    if then.block == otherwise.block {
        return None;
    }
    let params = writer.function.blocks[nest.header.index()].params.clone();
    let mut changes = HashMap::new();
    for (param, next) in params.into_iter().zip(&edge.args) {
        let next = writer.early(*next)?;
        if next != param {
            changes.insert(param, next);
        }
    }
    let condition = writer.early(condition)?;
    writer.require(condition, goes_on);
    writer.changes = changes;
    Some(())
}

/// That the next round takes the same path to its inner loop.
fn next_path(writer: &mut Writer, nest: &Nest) -> Option<()> {
    let ways = nest.path.iter().skip(1).chain([&nest.inner]);
    for (block, way) in nest.path.iter().zip(ways) {
        let block = writer.function.blocks[block.index()].clone();
        for inst in block.insts {
            if inst.args.iter().any(|arg| writer.changes.contains_key(arg)) {
                let args = inst.args.iter().map(|arg| writer.next(*arg)).collect();
                let next = writer.push(Inst { args, ..inst.clone() });
                writer.changes.insert(inst.results[0], next);
            }
        }
        match block.end {
            End::Branch { then, otherwise, .. } if then.block == otherwise.block => return None,
            End::Branch { condition, then, .. } => {
                let next = writer.next(condition);
                if next != condition {
                    writer.require(next, then.block == *way);
                }
            }
            _ => {}
        }
    }
    Some(())
}

/// What the inner loop begins with.
fn first_of(function: &Function, nest: &Nest) -> Option<Vec<Value>> {
    let end = &function.blocks[nest.path.last()?.index()].end;
    Some(end.edges().find(|edge| edge.block == nest.inner)?.args.clone())
}

/// That the inner loop of the next round reads nothing that the rest of the first one stores, and
/// only what is memory.
fn independent(writer: &mut Writer, constants: &HashMap<Value, i64>, nest: &Nest, first: &[Value]) -> Option<()> {
    let rest = nest.rest.iter().flat_map(|block| writer.function.blocks[block.index()].insts.clone());
    let mut stores = Vec::new();
    for inst in rest.collect::<Vec<_>>() {
        if let Op::Store { access, offset } = inst.op {
            let address = writer.early(inst.args[0])?;
            stores.push((writer.numeric(Numeric::I64ExtendI32U, &[address]), offset, access.size()));
        }
    }
    let insts = writer.function.blocks[nest.inner.index()].insts.clone();
    let of = Loop { header: nest.inner, latch: nest.inner, blocks: vec![nest.inner] };
    let mut bounds = Bounds::new(writer.function, constants, &of, first)?;
    bounds.require_rounds(ROUNDS);
    let end = bounds.memory_end();
    for inst in insts {
        let Op::Load { access, offset } = inst.op else { continue };
        let read = bounds.of(inst.args[0])?;
        let low = bounds.plus(read.low, offset.into());
        let high = bounds.plus(read.high, i64::from(offset) + i64::from(access.size()));
        bounds.require(Numeric::I64LeS, high, end);
        for &(address, offset, size) in &stores {
            let start = bounds.plus(address, offset.into());
            let end = bounds.plus(address, i64::from(offset) + i64::from(size));
            let is_below = bounds.emit(Numeric::I64LeS, &[end, low]);
            let is_above = bounds.emit(Numeric::I64LeS, &[high, start]);
            let is_apart = bounds.emit(Numeric::I32Or, &[is_below, is_above]);
            bounds.conditions.push(is_apart);
        }
    }
    let (code, conditions) = (std::mem::take(&mut bounds.code), std::mem::take(&mut bounds.conditions));
    for mut inst in code.0 {
        inst.args.iter_mut().for_each(|arg| *arg = writer.next(*arg));
        writer.code.0.push(inst);
    }
    writer.conditions.extend(conditions);
    Some(())
}

/// Puts the test before the inner loop, and behind it the two inner loops as one, the rest of the
/// first round, and the way into the rest of the second one.
fn apply(function: &mut Function, plan: &Plan) {
    let nest = &plan.nest;
    let inner = function.blocks[nest.inner.index()].clone();
    let exit = inner.end.edges().find(|edge| edge.block != nest.inner).expect("the loop ends").clone();
    let jammed = Jammed::new(function, plan, &inner);
    let copies = region::copy(function, &nest.rest).blocks;
    let n_blocks = function.blocks.len() as u32;
    let [test, both, first, second] = [0, 1, 2, 3].map(|number| BlockId(n_blocks + number));

    let then = Edge { block: both, args: jammed.both(plan, &inner, &plan.first) };
    let otherwise = Edge { block: nest.inner, args: plan.first.clone() };
    let end = End::Branch { condition: plan.condition, then, otherwise };
    push(function, Vec::new(), plan.code.clone(), end);

    let mut end = inner.end.clone();
    for edge in end.edges_mut() {
        *edge = match edge.block == nest.inner {
            true => Edge { block: both, args: jammed.both(plan, &inner, &edge.args) },
            false => Edge { block: first, args: Vec::new() },
        };
    }
    end.map_args(|arg| jammed.first(arg));
    push(function, jammed.both(plan, &inner, &inner.params), jammed.insts.clone(), end);

    let insts = sets(function, &[nest.inner], |value| jammed.first(value));
    let args = exit.args.iter().map(|arg| jammed.first(*arg)).collect();
    push(function, Vec::new(), insts, End::Jump(Edge { block: copies[&nest.exit], args }));

    let passed: Vec<BlockId> = nest.path.iter().copied().chain([nest.inner]).collect();
    let insts = sets(function, &passed, |value| jammed.second(plan, value));
    let args = exit.args.iter().map(|arg| jammed.second(plan, *arg)).collect();
    push(function, Vec::new(), insts, End::Jump(Edge { block: nest.exit, args }));

    redirect(function, nest.path[nest.path.len() - 1], nest.inner, test);
    redirect(function, copies[&nest.latch], nest.header, second);
}

fn push(function: &mut Function, params: Vec<Value>, insts: Vec<Inst>, end: End) {
    function.blocks.push(Block { params, insts, end, end_position: None });
}

/// Ways from one block to another lead to a third one instead, which takes nothing.
fn redirect(function: &mut Function, from: BlockId, to: BlockId, instead: BlockId) {
    let edges = function.blocks[from.index()].end.edges_mut();
    edges.filter(|edge| edge.block == to).for_each(|edge| *edge = Edge { block: instead, args: Vec::new() });
}

/// What blocks set variables to, with other values.
fn sets(function: &Function, blocks: &[BlockId], value: impl Fn(Value) -> Value) -> Vec<Inst> {
    let insts = blocks.iter().flat_map(|block| &function.blocks[block.index()].insts);
    let sets = insts.filter(|inst| matches!(inst.op, Op::Set(_)));
    sets.map(|inst| Inst { args: vec![value(inst.args[0])], ..inst.clone() }).collect()
}

/// The two inner loops as one: what stands for the inner loop's values in each.
struct Jammed {
    firsts: HashMap<Value, Value>,
    seconds: HashMap<Value, Value>,
    insts: Vec<Inst>,
}

impl Jammed {
    fn new(function: &mut Function, plan: &Plan, inner: &Block) -> Jammed {
        let mut jammed = Jammed { firsts: HashMap::new(), seconds: HashMap::new(), insts: Vec::new() };
        let results = inner.insts.iter().flat_map(|inst| &inst.results);
        for value in inner.params.iter().chain(results) {
            let first = function.new_value(function.ty(*value));
            jammed.firsts.insert(*value, first);
            let second = if plan.same[value] { first } else { function.new_value(function.ty(*value)) };
            jammed.seconds.insert(*value, second);
        }
        for inst in inner.insts.iter().filter(|inst| !matches!(inst.op, Op::Set(_))) {
            let mut first = inst.clone();
            first.args.iter_mut().chain(&mut first.results).for_each(|value| *value = jammed.first(*value));
            jammed.insts.push(first);
            if !plan.same[&inst.results[0]] {
                let mut second = inst.clone();
                second.args.iter_mut().chain(&mut second.results).for_each(|it| *it = jammed.second(plan, *it));
                jammed.insts.push(second);
            }
        }
        jammed
    }

    /// What stands for the inner loop's parameters, or for arguments in their place, in both loops.
    fn both(&self, plan: &Plan, inner: &Block, values: &[Value]) -> Vec<Value> {
        let pair = |(param, value): (&Value, &Value)| {
            let second = (!plan.same[param]).then(|| self.second(plan, *value));
            [Some(self.first(*value)), second]
        };
        inner.params.iter().zip(values).flat_map(pair).flatten().collect()
    }

    fn first(&self, value: Value) -> Value {
        self.firsts.get(&value).copied().unwrap_or(value)
    }

    fn second(&self, plan: &Plan, value: Value) -> Value {
        self.seconds.get(&value).or_else(|| plan.changes.get(&value)).copied().unwrap_or(value)
    }
}
