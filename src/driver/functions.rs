//! Which functions of a module are wanted: as roots of the analysis, and as work for the code
//! generator.

use super::plan::Start;
use crate::analyze::Roots;
use crate::codegen::Job;
use crate::foreign::Foreign;
use crate::layout::{Symbol, World};
use crate::object::interface::{Item, ItemKind};
use crate::object::{ProgramPlan, Role};
use crate::resolve::Linkage;
use crate::translate::{Env, initialize};
use crate::unit::Unit;
use crate::wasm::{Definition, EntityIndex, FuncIndex, Module};

/// What the world outside of the module calls and touches.
pub fn roots<'f>(
    module: &Module,
    linkage: &Linkage,
    foreign: &'f Foreign,
    world: World,
    start: Option<&Start>,
) -> Roots<'f> {
    let functions = start.into_iter().flat_map(Start::functions).collect();
    let visible = match world {
        World::Closed | World::Tried => linkage.visible.iter().copied().collect(),
        World::Open => module.exports.iter().map(|export| export.entity).collect(),
    };
    Roots { functions, visible, open: world == World::Open, foreign }
}

/// What the runtime calls of a program.
fn entries(plan: &ProgramPlan) -> impl Iterator<Item = FuncIndex> {
    plan.entry.into_iter().chain(plan.initialize).chain(plan.thread_start)
}

/// Which functions to make, in the order of the text section.
pub fn list(unit: &Unit, env: &Env, role: &Role) -> Vec<Job> {
    let Unit { module, facts, linkage, undefined, .. } = unit;
    let mut jobs = Vec::with_capacity(module.functions.len() + 2);
    for (index, func) in &module.functions {
        match &func.definition {
            // Another module has its code, or nothing wants its address or a thunk to call it by.
            Definition::Import(_) if linkage.function(index).is_some() => {}
            Definition::Import(_) if undefined.contains(&index) => jobs.push(Job::Translate(Symbol::Function(index))),
            Definition::Import(_) if !facts.address_taken.contains(index) && !facts.imports_guarded.contains(index) => {
            }
            Definition::Local(_) if !facts.reachable.contains(index) => jobs.push(Job::Validate(index)),
            _ => jobs.push(Job::Translate(Symbol::Function(index))),
        }
    }
    let edges: Vec<Symbol> = match role {
        Role::Program(plan) => entries(plan).map(Symbol::ArrayEntry).chain([Symbol::Main]).collect(),
        Role::Member { entries } => entries.iter().copied().map(Symbol::ArrayEntry).collect(),
        Role::Library { plan, interface } => {
            let exports = exported_functions(module).into_iter().map(Symbol::Export);
            exports.chain(plan.initialize.map(Symbol::ArrayEntry)).chain(own_functions(interface)).collect()
        }
    };
    let parts = initialize::parts(env).map(Symbol::InitializePart);
    jobs.extend(edges.into_iter().chain(parts).chain([Symbol::Initialize]).map(Job::Translate));
    jobs.extend(foreign(unit, env));
    jobs
}

/// What calls of variadic functions go through, and the function pointers that C can get.
fn foreign(unit: &Unit, env: &Env) -> Vec<Job> {
    let is_stub = |func: &FuncIndex| {
        let declared = unit.foreign.function(*func);
        let is_called = unit.facts.reachable.contains(*func) && !unit.undefined.contains(func);
        is_called && declared.is_some_and(|it| env.c.variadic_stub(it).is_some())
    };
    let mut jobs: Vec<_> = unit.module.functions.keys().filter(is_stub).map(Job::Stub).collect();
    for (callback, &n_slots) in unit.layout.callbacks.iter().filter(|(_, n_slots)| **n_slots > 0) {
        jobs.push(Job::Translate(Symbol::Callback(callback)));
        jobs.extend((0..n_slots).map(|slot| Job::Translate(Symbol::CallbackSlot(callback, slot))));
    }
    jobs
}

/// What a library adds to its exports, each once.
fn own_functions(interface: &[Item]) -> Vec<Symbol> {
    let symbol = |item: &Item| match item.kind {
        ItemKind::New | ItemKind::Free => None,
        ItemKind::Init => Some(Symbol::LibraryInit),
        ItemKind::Configure => Some(Symbol::LibraryConfigure),
        ItemKind::Reset => Some(Symbol::LibraryReset),
        ItemKind::Interrupt => Some(Symbol::LibraryInterrupt),
        ItemKind::CancelInterrupt => Some(Symbol::LibraryCancelInterrupt),
        ItemKind::MemoryBase(memory) => Some(Symbol::MemoryBase(memory)),
        ItemKind::MemorySize(memory) => Some(Symbol::MemorySize(memory)),
        ItemKind::MemoryGrowth(memory) => Some(Symbol::MemoryGrowth(memory)),
        ItemKind::RefNew => Some(Symbol::LibraryRefNew),
        ItemKind::RefGet => Some(Symbol::LibraryRefGet),
        ItemKind::RefDrop => Some(Symbol::LibraryRefDrop),
        _ => None,
    };
    let mut own: Vec<_> = interface.iter().filter_map(symbol).collect();
    own.sort_unstable();
    own.dedup();
    own
}

/// Each once.
fn exported_functions(module: &Module) -> Vec<FuncIndex> {
    let function = |entity| match entity {
        EntityIndex::Function(func) => Some(func),
        _ => None,
    };
    let mut exported: Vec<_> = module.exports.iter().filter_map(|export| function(export.entity)).collect();
    exported.sort_unstable();
    exported.dedup();
    exported
}
