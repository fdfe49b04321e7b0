//! Loops with 32-bit indices, made over with 64-bit addresses.
//!
//! Comes in: a function as translation made it. Goes out: the same function, some of whose
//! innermost loops have a second, faster version, which runs where a check before the loop shows
//! that no 32-bit index wraps. In it an address is a start plus a distance that grows, so that
//! generators reason about addresses as they do in C. Code that looks for interrupts does so in the
//! old version only, and the new one must be short. For a generator that vectorizes, copies of a
//! body that the producer unrolled become one again.
//!
//! | file | what |
//! | --- | --- |
//! | `sum` | sums modulo 2^32 |
//! | `body` | a loop, and what is affine in it |
//! | `rounds` | how often it runs |
//! | `access` | what it accesses |
//! | `copies` | equal copies of one body |
//! | `plan` | what the fast version is to be |
//! | `version` | the fast version |

mod access;
mod body;
mod copies;
mod plan;
mod rounds;
mod sum;
mod version;

use body::Body;
use cranelift_codegen::ir::{Block, Function, Value, ValueDef};
use plan::Plan;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Gives loops a fast version. `vectorizes`: the generator does, and unrolls by itself.
pub fn make_over(func: &mut Function, vectorizes: bool) {
    let loops: BTreeSet<Block> = func.layout.blocks().filter(|&it| body::is_loop(func, it)).collect();
    if loops.is_empty() {
        return;
    }
    func.dfg.resolve_all_aliases();
    let outside = used_outside(func, &loops);
    let none = BTreeSet::new();
    let plan = |&block| plan::make(&Body::read(func, block)?, outside.get(&block).unwrap_or(&none), vectorizes);
    let plans: Vec<Plan> = loops.iter().filter_map(plan).collect();
    if plans.is_empty() {
        return;
    }
    let mut guards = HashMap::new();
    let mut renamed = HashMap::new();
    for plan in &plans {
        let version = version::make(func, plan);
        guards.insert(plan.block, version.guard);
        renamed.extend(version.renamed.into_iter().map(|(value, name)| (value, (plan.block, name))));
    }
    follow(func, &guards, &renamed);
}

/// The block that makes a value.
fn block_of(func: &Function, value: Value) -> Option<Block> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => func.layout.inst_block(inst),
        ValueDef::Param(block, _) => Some(block),
        ValueDef::Union(..) => None,
    }
}

/// The values of each loop that other blocks use.
fn used_outside(func: &Function, loops: &BTreeSet<Block>) -> BTreeMap<Block, BTreeSet<Value>> {
    let mut used: BTreeMap<Block, BTreeSet<Value>> = BTreeMap::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            for value in func.dfg.inst_values(inst) {
                let made = block_of(func, value).filter(|it| *it != block && loops.contains(it));
                if let Some(made) = made {
                    used.entry(made).or_default().insert(value);
                }
            }
        }
    }
    used
}

/// Leads the ways into loops to their guards, and gives values that left their loop, the block of
/// which is named, their new names.
fn follow(func: &mut Function, guards: &HashMap<Block, Block>, renamed: &HashMap<Value, (Block, Value)>) {
    let mut next = func.layout.entry_block();
    while let Some(block) = next {
        next = func.layout.next_block(block);
        let mut next_inst = func.layout.first_inst(block);
        while let Some(inst) = next_inst {
            next_inst = func.layout.next_inst(inst);
            func.dfg.map_inst_values(inst, |value| match renamed.get(&value) {
                Some(&(made_by, name)) if made_by != block => name,
                _ => value,
            });
            let dfg = &mut func.dfg;
            let calls = dfg.insts[inst].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
            for call in calls {
                let target = call.block(&dfg.value_lists);
                if let Some(&guard) = guards.get(&target).filter(|&&guard| target != block && guard != block) {
                    call.set_block(guard, &mut dfg.value_lists);
                }
            }
        }
    }
}
