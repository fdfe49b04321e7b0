//! Calls of small functions, replaced by copies of the functions, with Cranelift's inliner.
//!
//! Comes in: a function as translation made it, and the [`Plan`] of the module. Goes out: the same
//! function with copies in the place of some calls, and [`Origins`], which say of each copied
//! instruction which function it is from. Copies are made of translated bodies, which each thread
//! keeps for a while; their CLIF is the same in every caller.
//!
//! | file | what |
//! | --- | --- |
//! | `plan` | which functions are small enough, by their operators |
//! | `origin` | which functions an instruction came through |
//! | `names` | symbols in copies |
//! | `barrier` | what keeps traps in their functions |
//! | `straight` | blocks that copies left in a row become one |

pub mod origin;
pub mod plan;

mod barrier;
mod names;
mod straight;

use crate::layout::Symbol;
use crate::translate::{self, Env, State};
use crate::wasm::FuncIndex;
use anyhow::{Result, anyhow};
use cranelift_codegen::Context;
use cranelift_codegen::inline::{Inline, InlineCommand};
use cranelift_codegen::ir::{DebugTag, ExternalName, FuncRef, Function, Inst, InstructionData, Opcode, Value};
use cranelift_codegen::isa::CallConv;
use names::Names;
use origin::Origins;
use plan::Plan;
use std::borrow::Cow;
use std::collections::HashMap;

/// So many bodies a thread keeps, which takes some MiB.
const MOST_KEPT: usize = 1000;

/// Translated bodies that a thread copies from.
#[derive(Default)]
pub struct Inliner {
    /// `None` for those that can't be translated: their own jobs say why.
    callees: HashMap<FuncIndex, Option<Callee>>,
    /// Of the symbols in them.
    names: Names,
}

/// A body to copy.
struct Callee {
    /// Every instruction has its place in the module as a tag, since Cranelift's inliner leaves
    /// tags in the copies, those of the call first.
    clif: Function,
    /// See [`State::knows_entries`].
    knows_entries: bool,
    /// It calls functions in another convention than ours, which have no way for exceptions.
    calls_c: bool,
}

impl Inliner {
    /// Replaces calls in the function that the context holds. Whether the function now depends on
    /// an entry of a table, see [`State::knows_entries`].
    ///
    /// # Errors
    /// When Cranelift refuses, because the function became too large.
    pub fn run(
        &mut self,
        (env, plan): (&Env, &Plan),
        state: &mut State,
        (context, origins): (&mut Context, &mut Origins),
    ) -> Result<bool> {
        let mut knows_entries = state.knows_entries();
        let Some(func) = function_of(&context.func) else { return Ok(knows_entries) };
        if !tag_calls(&mut context.func, plan) {
            return Ok(knows_entries);
        }
        if self.callees.len() > MOST_KEPT {
            self.callees.clear();
            self.names.clear();
        }
        let room = plan.room(func);
        let Inliner { callees, names } = self;
        let mut work =
            Work { env, plan, caller: func, state, callees, names, room, origins, knows_entries: &mut knows_entries };
        let is_changed = context.inline(&mut work).map_err(|error| anyhow!("inlining: {error}"))?;
        if is_changed {
            self.names.enter(&mut context.func);
            origins.take_tags(&mut context.func);
            straight::straighten(&mut context.func);
        }
        context.func.debug_tags.clear();
        Ok(knows_entries)
    }
}

/// Prepares a function, into which others were copied, for compilation. Nothing may move
/// instructions after that.
pub fn finish((context, origins): (&mut Context, &mut Origins)) {
    barrier::separate(&mut context.func, origins);
}

/// Gives calls of functions that may be inlined their places as tags. Whether there are such calls.
fn tag_calls(func: &mut Function, plan: &Plan) -> bool {
    let mut found = false;
    for inst in insts(func) {
        let callee = match func.dfg.insts[inst] {
            InstructionData::Call { opcode: Opcode::Call, func_ref, .. }
            | InstructionData::TryCall { func_ref, .. } => callee_of(func, func_ref),
            _ => None,
        };
        if callee.is_some_and(|callee| plan.cost(callee).is_some()) {
            tag(func, inst);
            found = true;
        }
    }
    found
}

/// Gives an instruction its place in the module as a tag.
fn tag(func: &mut Function, inst: Inst) {
    let offset = func.srcloc(inst).bits();
    func.debug_tags.set(inst, [DebugTag::User(offset)]);
}

/// All instructions, in their order.
fn insts(func: &Function) -> Vec<Inst> {
    func.layout.blocks().flat_map(|block| func.layout.block_insts(block)).collect()
}

/// The function of the module that CLIF is the body of.
fn function_of(func: &Function) -> Option<FuncIndex> {
    let name = func.name.get_user()?;
    match Symbol::decode(name) {
        Symbol::Function(func) => Some(func),
        _ => None,
    }
}

/// The function of the module that is called.
fn callee_of(func: &Function, callee: FuncRef) -> Option<FuncIndex> {
    let ExternalName::User(name) = func.dfg.ext_funcs[callee].name else { return None };
    match Symbol::decode(&func.params.user_named_funcs()[name]) {
        Symbol::Function(func) => Some(func),
        _ => None,
    }
}

/// Inlining into one function.
struct Work<'a> {
    env: &'a Env<'a>,
    plan: &'a Plan,
    /// The function that all copies are made into.
    caller: FuncIndex,
    state: &'a mut State,
    callees: &'a mut HashMap<FuncIndex, Option<Callee>>,
    names: &'a mut Names,
    /// The cost of what may still be added.
    room: u32,
    origins: &'a mut Origins,
    knows_entries: &'a mut bool,
}

impl Inline for Work<'_> {
    fn inline(
        &mut self,
        caller: &Function,
        call: Inst,
        opcode: Opcode,
        callee: FuncRef,
        _: &[Value],
    ) -> InlineCommand<'_> {
        match self.choose(caller, call, opcode, callee) {
            Some(clif) => InlineCommand::Inline { callee: Cow::Borrowed(clif), visit_callee: true },
            None => InlineCommand::KeepCall,
        }
    }
}

impl Work<'_> {
    /// The body to put in the place of a call.
    fn choose(&mut self, caller: &Function, call: Inst, opcode: Opcode, callee: FuncRef) -> Option<&Function> {
        let func = callee_of(caller, callee)?;
        let path = caller.debug_tags.get(call);
        let room = match path {
            [DebugTag::User(offset)] => {
                let added = self.plan.added(self.caller, *offset, func)?;
                self.room.checked_sub(added)?
            }
            // What is added to the caller includes the copies in a copy.
            _ => {
                self.plan.cost(func)?;
                self.room
            }
        };
        let block = caller.layout.inst_block(call)?;
        if opcode == Opcode::ReturnCall || caller.layout.is_cold(block) {
            return None;
        }
        let Work { env, state, names, .. } = self;
        let callee = self.callees.entry(func).or_insert_with(|| Callee::translate(env, func, state, names)).as_ref()?;
        if opcode == Opcode::TryCall && callee.calls_c {
            return None;
        }
        self.room = room;
        *self.knows_entries |= callee.knows_entries;
        self.origins.enter(path, Symbol::Function(func));
        Some(&callee.clif)
    }
}

impl Callee {
    fn translate(env: &Env, func: FuncIndex, state: &mut State, names: &mut Names) -> Option<Callee> {
        let mut clif = Function::new();
        translate::check_signature(env, Symbol::Function(func)).ok()?;
        translate::translate_function(env, func, state, &mut clif).ok()?;
        clif.dfg.resolve_all_aliases();
        names.leave(&mut clif);
        let mut calls_c = false;
        for inst in insts(&clif) {
            tag(&mut clif, inst);
            let convention = clif.dfg.call_signature(inst).map(|it| clif.dfg.signatures[it].call_conv);
            calls_c |= convention.is_some_and(|convention| convention != CallConv::Tail);
        }
        Some(Callee { clif, knows_entries: state.knows_entries(), calls_c })
    }
}
