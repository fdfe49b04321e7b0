//! The fast version of a loop: 64-bit addresses that grow, behind a check that no 32-bit index
//! wraps.
//!
//! | block | what |
//! | --- | --- |
//! | guard | takes over the ways into the loop; checks |
//! | start | what the fast version needs |
//! | fast | the fast version |
//! | the loop | as it was, for where the check fails |
//! | after | both ways out meet: values that were used after the loop are its parameters |

use super::access::Base;
use super::plan::{Leaving, Plan};
use super::sum::Sum;
use cranelift_codegen::cursor::{Cursor, CursorPosition, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, InsertBuilder, Inst, InstBuilder, InstructionData, Type, Value, types,
};
use std::collections::{BTreeMap, HashMap};

/// How often a loop may run that does not look for an interrupt: some milliseconds.
const MOST_UNPOLLED: i64 = 1 << 18;

/// A place for code before the loop, where its parameters have their first values.
pub struct Guard<'f> {
    cursor: FuncCursor<'f>,
    first: HashMap<Value, Value>,
    /// Whether all that was required holds.
    holds: Option<Value>,
}

impl<'f> Guard<'f> {
    pub fn ins(&mut self) -> InsertBuilder<'_, &mut FuncCursor<'f>> {
        self.cursor.ins()
    }

    pub fn type_of(&self, value: Value) -> Type {
        self.cursor.func.dfg.value_type(value)
    }

    /// A sum of the loop's first iteration.
    pub fn sum(&mut self, sum: &Sum) -> Value {
        let mut result = None;
        for &(value, factor) in sum.terms() {
            let value = self.first.get(&value).copied().unwrap_or(value);
            let term = match factor {
                1 => value,
                _ => self.ins().imul_imm_u(value, i64::from(factor)),
            };
            result = Some(match result {
                None => term,
                Some(sum) => self.ins().iadd(sum, term),
            });
        }
        match result {
            None => self.ins().iconst(types::I32, i64::from(sum.constant)),
            Some(result) if sum.constant == 0 => result,
            Some(result) => self.ins().iadd_imm_u(result, i64::from(sum.constant)),
        }
    }

    fn require(&mut self, condition: Value) {
        self.holds = Some(match self.holds {
            None => condition,
            Some(others) => self.ins().band(others, condition),
        });
    }

    pub fn require_zero(&mut self, number: Value) {
        let condition = self.ins().icmp_imm_u(IntCC::Equal, number, 0);
        self.require(condition);
    }

    /// Both without a sign.
    pub fn require_below(&mut self, number: Value, bound: i64) {
        let condition = self.ins().icmp_imm_u(IntCC::UnsignedLessThan, number, bound);
        self.require(condition);
    }

    fn go_to(&mut self, block: Block) {
        self.cursor.set_position(CursorPosition::After(block));
    }
}

/// What the rest of the function has to follow.
pub struct Version {
    pub guard: Block,
    pub renamed: Vec<(Value, Value)>,
}

/// Makes the fast version.
pub fn make(func: &mut Function, plan: &Plan) -> Version {
    let [guard, start, fast, after] = std::array::from_fn(|_| func.dfg.make_block());
    for block in [guard, start, fast] {
        func.layout.insert_block(block, plan.block);
    }
    func.layout.insert_block_after(after, plan.block);
    let parameters = func.dfg.block_params(plan.block).to_vec();
    let first = parameters.iter().map(|&it| (it, copy_parameter(func, guard, it))).collect();
    let location = func.srcloc(plan.branch);
    let cursor = FuncCursor::new(func).at_bottom(guard).with_srcloc(location);
    let mut at = Guard { cursor, first, holds: None };
    let count = plan.rounds.count(&mut at);
    let lowest: Vec<_> = plan.accesses.groups.iter().map(|group| check(&mut at, group, count)).collect();
    if plan.is_polled {
        at.require_below(count, MOST_UNPOLLED);
    }
    let holds = at.holds.take();
    let holds = holds.unwrap_or_else(|| at.ins().iconst(types::I8, 1));
    let arguments: Vec<BlockArg> = parameters.iter().map(|it| at.first[it].into()).collect();
    at.ins().brif(holds, start, &[], plan.block, &arguments);

    at.go_to(start);
    let addresses = addresses(&mut at, plan, &lowest);
    let n_rounds = at.ins().iadd_imm_s(count, 1);
    let repeated = at.ins().ireduce(types::I32, count);
    let leaving: Vec<Option<Value>> = plan.leaving.iter().map(|(_, it)| last(&mut at, it, repeated)).collect();
    let steps = plan.steps();
    let (&whole_step, _) = steps.first_key_value().expect("an index moves");
    let end = at.ins().imul_imm_s(n_rounds, i64::from(whole_step));
    let zero = at.ins().iconst(types::I64, 0);
    let entering: Vec<Value> = plan.variables.iter().map(|it| it.0).chain(plan.carried.iter().map(|it| it.0)).collect();
    let mut arguments: Vec<BlockArg> = vec![zero.into(); steps.len()];
    arguments.extend(entering.iter().map(|it| BlockArg::from(at.first[it])));
    at.ins().jump(fast, &arguments);

    let func = &mut *at.cursor.func;
    let distances: Vec<Value> = steps.iter().map(|_| func.dfg.append_block_param(fast, types::I64)).collect();
    let copied: HashMap<Value, Value> = entering.iter().map(|&it| (it, copy_parameter(func, fast, it))).collect();
    let mut fast = Fast { block: fast, copied };
    fast.fill(func, plan, &addresses, &steps.keys().copied().zip(distances.iter().copied()).collect());

    let mut cursor = FuncCursor::new(func).at_bottom(fast.block).with_srcloc(location);
    let mut next: Vec<BlockArg> = Vec::new();
    for (&distance, (_, &step)) in distances.iter().zip(&steps) {
        next.push(cursor.ins().iadd_imm_s(distance, i64::from(step)).into());
    }
    let moved = next[0].as_value().expect("it was just made");
    for (variable, step) in &plan.variables {
        next.push(cursor.ins().iadd_imm_u(fast.copied[variable], i64::from(*step)).into());
    }
    next.extend(plan.carried.iter().map(|(_, value)| BlockArg::from(fast.of(*value))));
    let leaving: Vec<BlockArg> = (leaving.iter().zip(&plan.leaving))
        .map(|(known, (_, what))| match (known, what) {
            (Some(value), _) => (*value).into(),
            (None, Leaving::Made(value)) => fast.of(*value).into(),
            (None, Leaving::Affine(..)) => panic!("it was computed before"),
        })
        .collect();
    let goes_on = cursor.ins().icmp(IntCC::NotEqual, moved, end);
    cursor.ins().brif(goes_on, fast.block, &next, after, &leaving);
    let renamed = leave(func, plan, after);
    func.layout.set_cold(plan.block);
    Version { guard, renamed }
}

fn copy_parameter(func: &mut Function, block: Block, parameter: Value) -> Value {
    let ty = func.dfg.value_type(parameter);
    func.dfg.append_block_param(block, ty)
}

/// Checks that no index of a group wraps in any iteration. The lowest of the first, as an `i64`.
fn check(at: &mut Guard, group: &super::access::Group, count: Value) -> Value {
    let lowest = Sum::constant(group.lowest.cast_unsigned());
    let lowest = group.terms.plus(&lowest).expect("a constant is not a term");
    let lowest = at.sum(&lowest);
    let lowest = at.ins().uextend(types::I64, lowest);
    let moved = |at: &mut Guard| at.ins().imul_imm_s(count, i64::from(group.step.unsigned_abs()));
    // A step has 31 bits and a count 32: nothing here wraps.
    let mut highest = at.ins().iadd_imm_s(lowest, i64::from(group.spread));
    if group.step > 0 {
        let moved = moved(at);
        highest = at.ins().iadd(highest, moved);
    }
    if group.step > 0 || group.spread > 0 {
        at.require_below(highest, 1 << 32);
    }
    if group.step < 0 {
        let moved = moved(at);
        let condition = at.ins().icmp(IntCC::UnsignedLessThanOrEqual, moved, lowest);
        at.require(condition);
    }
    lowest
}

/// The addresses of the groups' lowest indices, for each memory.
fn addresses(at: &mut Guard, plan: &Plan, lowest: &[Value]) -> BTreeMap<(Base, usize), Value> {
    let mut bases: BTreeMap<Base, Value> = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for access in plan.accesses.by_inst.values() {
        let (base, made_by) = access.base;
        let value = *bases.entry(base).or_insert_with(|| again(at, made_by, base));
        addresses.entry((base, access.group)).or_insert_with(|| at.ins().iadd(value, lowest[access.group]));
    }
    addresses
}

/// Makes a base before the loop.
fn again(at: &mut Guard, value: Value, base: Base) -> Value {
    if let Base::Outside(value) = base {
        return value;
    }
    let dfg = &at.cursor.func.dfg;
    let Some(inst) = dfg.value_def(value).inst() else { return value };
    let arguments = dfg.inst_args(inst).to_vec();
    let arguments: Vec<_> = arguments.into_iter().map(|it| again(at, it, base)).collect();
    let copy = at.cursor.func.dfg.clone_inst(inst);
    at.cursor.func.dfg.overwrite_inst_values(copy, arguments.into_iter());
    at.cursor.insert_inst(copy);
    at.cursor.func.dfg.first_result(copy)
}

/// An affine value of the last iteration.
fn last(at: &mut Guard, what: &Leaving, repeated: Value) -> Option<Value> {
    let Leaving::Affine(sum, step) = what else { return None };
    let first = at.sum(sum);
    let moved = at.ins().imul_imm_s(repeated, i64::from(*step));
    Some(at.ins().iadd(first, moved))
}

struct Fast {
    block: Block,
    /// What stands for a value of the loop.
    copied: HashMap<Value, Value>,
}

impl Fast {
    fn of(&self, value: Value) -> Value {
        self.copied.get(&value).copied().unwrap_or(value)
    }

    /// All but the branch. `distances`, by step, are what was moved since the start.
    fn fill(
        &mut self,
        func: &mut Function,
        plan: &Plan,
        addresses: &BTreeMap<(Base, usize), Value>,
        distances: &BTreeMap<i32, Value>,
    ) {
        let mut places: BTreeMap<(Base, usize), Value> = BTreeMap::new();
        for &inst in &plan.insts {
            let copy = func.dfg.clone_inst(inst);
            let location = func.srcloc(inst);
            if let Some(access) = plan.accesses.by_inst.get(&inst) {
                let (key, step) = ((access.base.0, access.group), plan.accesses.groups[access.group].step);
                let place = *places.entry(key).or_insert_with(|| match distances.get(&step) {
                    None => addresses[&key],
                    Some(&distance) => FuncCursor::new(func)
                        .at_bottom(self.block)
                        .with_srcloc(location)
                        .ins()
                        .iadd(addresses[&key], distance),
                });
                let offset_to = access.displacement.into();
                match &mut func.dfg.insts[copy] {
                    InstructionData::Load { arg, offset, .. } => (*arg, *offset) = (place, offset_to),
                    InstructionData::Store { args: [value, address], offset, .. } => {
                        (*value, *address, *offset) = (self.of(*value), place, offset_to);
                    }
                    other => panic!("{other:?} is not an access"),
                }
            } else {
                func.dfg.map_inst_values(copy, |value| self.of(value));
            }
            FuncCursor::new(func).at_bottom(self.block).insert_inst(copy);
            func.set_srcloc(copy, location);
            self.note(func, inst, copy);
        }
    }

    fn note(&mut self, func: &Function, inst: Inst, copy: Inst) {
        let results = func.dfg.inst_results(inst).iter().copied();
        self.copied.extend(results.zip(func.dfg.inst_results(copy).iter().copied()));
    }
}

/// Leads both ways out through `after`. What the values are called there.
fn leave(func: &mut Function, plan: &Plan, after: Block) -> Vec<(Value, Value)> {
    let location = func.srcloc(plan.branch);
    let renamed: Vec<(Value, Value)> =
        plan.leaving.iter().map(|&(value, _)| (value, copy_parameter(func, after, value))).collect();
    let values = plan.leaving.iter().map(|&(value, _)| BlockArg::from(value));
    let out = BlockCall::new(after, values, &mut func.dfg.value_lists);
    let InstructionData::Brif { blocks, .. } = &mut func.dfg.insts[plan.branch] else {
        panic!("a loop ends with a branch")
    };
    blocks[usize::from(plan.goes_on_when)] = out;
    let names: HashMap<Value, Value> = renamed.iter().copied().collect();
    let arguments = plan.exit_arguments.iter().map(|it| BlockArg::from(names.get(it).copied().unwrap_or(*it)));
    let arguments: Vec<BlockArg> = arguments.collect();
    FuncCursor::new(func).at_bottom(after).with_srcloc(location).ins().jump(plan.exit, &arguments);
    renamed
}
