//! What a loop's fast version is to be, from what is known of the loop.

use super::access::{self, Accesses};
use super::body::Body;
use super::copies::{self, Copies};
use super::rounds::{self, Rounds};
use super::sum::Sum;
use cranelift_codegen::ir::{Block, Inst, InstructionData, Value};
use std::collections::{BTreeMap, BTreeSet};

/// With fewer accesses, a loop is too short for its check.
const MIN_ACCESSES: usize = 4;

/// All that the fast version is made from.
pub struct Plan {
    pub block: Block,
    pub branch: Inst,
    pub exit: Block,
    pub exit_arguments: Vec<Value>,
    pub goes_on_when: bool,
    pub rounds: Rounds,
    pub accesses: Accesses,
    /// The loop looks for an interrupt in each iteration. The fast version, which does not, must be
    /// short.
    pub is_polled: bool,
    /// How many equal copies of the body the loop has. The fast version has one of them.
    pub n_copies: u32,
    /// What the fast version has of the loop, in order.
    pub insts: Vec<Inst>,
    /// The induction variables that it needs, and what they grow by in a copy.
    pub variables: Vec<(Value, u32)>,
    /// The other parameters that it needs, and their values in the next iteration.
    pub carried: Vec<(Value, Value)>,
    /// The values that are used after the loop, and what they are.
    pub leaving: Vec<(Value, Leaving)>,
}

/// What a value is after the loop.
pub enum Leaving {
    /// A sum that grew by a step in each iteration.
    Affine(Sum, i32),
    /// What the fast version has in place of this value.
    Made(Value),
}

/// The plan for a loop, some of whose values are used outside; `None` where a fast version is not
/// possible or would not be faster.
pub fn make(body: &Body, used_outside: &BTreeSet<Value>, vectorizes: bool) -> Option<Plan> {
    let rounds = rounds::read(body)?;
    let accesses = access::find(body)?;
    // What does not vectorize gains where accesses share an address.
    if !vectorizes && accesses.by_inst.len() < MIN_ACCESSES {
        return None;
    }
    let made = body.exit_arguments.iter().copied().filter(|&it| body.makes(it));
    let outside: BTreeSet<Value> = used_outside.iter().copied().chain(made).collect();
    let copies = if vectorizes { copies::find(body, &accesses) } else { None };
    let rolled = copies.and_then(|copies| select(body, &accesses, &outside, &copies));
    let (copies, selection) = match rolled {
        Some(rolled) => rolled,
        None => select(body, &accesses, &outside, &Copies::one())?,
    };
    let Selection { insts, variables, carried, leaving } = selection;
    Some(Plan {
        block: body.block,
        branch: body.branch,
        exit: body.exit,
        exit_arguments: body.exit_arguments.clone(),
        goes_on_when: body.goes_on_when,
        rounds,
        accesses,
        is_polled: body.is_polled,
        n_copies: copies,
        insts,
        variables,
        carried,
        leaving,
    })
}

struct Selection {
    insts: Vec<Inst>,
    variables: Vec<(Value, u32)>,
    carried: Vec<(Value, Value)>,
    leaving: Vec<(Value, Leaving)>,
}

/// What the first copy needs. `None` where a value leaves the loop that it does not have.
fn select(body: &Body, accesses: &Accesses, outside: &BTreeSet<Value>, copies: &Copies) -> Option<(u32, Selection)> {
    let mut leaving = Vec::new();
    for &value in outside {
        let what = match body.affine(value) {
            Some((sum, step)) => Leaving::Affine(sum, step),
            None if copies.n == 1 => Leaving::Made(value),
            None => Leaving::Made(copies.last(body, value)?),
        };
        leaving.push((value, what));
    }
    let mut wanted: Vec<Value> = Vec::new();
    let mut insts: BTreeSet<Inst> = BTreeSet::new();
    for &inst in body.insts.iter().filter(|&&inst| copies.has(inst)) {
        if body.is_access(inst) || body.can_trap(inst) {
            insts.insert(inst);
            wanted.extend(operands(body, accesses, inst));
        }
    }
    for (_, what) in &leaving {
        if let Leaving::Made(value) = what {
            wanted.push(*value);
        }
    }
    let mut parameters = BTreeSet::new();
    while let Some(value) = wanted.pop() {
        if !body.makes(value) {
            continue;
        }
        match body.func.dfg.value_def(value).inst() {
            Some(inst) => {
                if insts.insert(inst) {
                    wanted.extend(operands(body, accesses, inst));
                }
            }
            None => {
                if parameters.insert(value) && body.parameter_step(value).is_none() {
                    wanted.push(copies.next(body, value));
                }
            }
        }
    }
    let (mut variables, mut carried) = (Vec::new(), Vec::new());
    for &parameter in body.parameters().iter().filter(|it| parameters.contains(it)) {
        match body.parameter_step(parameter) {
            Some(step) => variables.push((parameter, copies.part(step)?)),
            None => carried.push((parameter, copies.next(body, parameter))),
        }
    }
    // In the order of the block.
    let insts = body.insts.iter().copied().filter(|inst| insts.contains(inst)).collect();
    Some((copies.n, Selection { insts, variables, carried, leaving }))
}

/// What an instruction of the fast version takes from the loop: not its address, which is made
/// anew.
fn operands(body: &Body, accesses: &Accesses, inst: Inst) -> Vec<Value> {
    match body.func.dfg.insts[inst] {
        InstructionData::Load { .. } if accesses.by_inst.contains_key(&inst) => Vec::new(),
        InstructionData::Store { args: [value, _], .. } if accesses.by_inst.contains_key(&inst) => vec![value],
        _ => body.func.dfg.inst_args(inst).to_vec(),
    }
}

impl Plan {
    /// The steps of the groups in the fast version, each once, but for zero.
    pub fn steps(&self) -> BTreeMap<i32, i32> {
        let steps = self.accesses.groups.iter().map(|group| group.step).filter(|&step| step != 0);
        steps.map(|step| (step, self.part(step))).collect()
    }

    /// The part of a step that belongs to one copy.
    fn part(&self, step: i32) -> i32 {
        let n_copies = i32::try_from(self.n_copies).expect("a loop has few copies");
        step.checked_div(n_copies).expect("it has at least one")
    }
}
