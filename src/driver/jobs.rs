//! Which functions of a module are wanted: as roots of the analysis, and as work for the code generator.

use crate::analyze::{Facts, Roots};
use crate::codegen::cranelift::sweep::Job;
use crate::layout::{Symbol, World};
use crate::object::interface::{Item, Kind};
use crate::object::{ProgramPlan, Role};
use crate::resolve::Linkage;
use crate::wasm::{Definition, EntityIndex, FuncIndex, Module};
use std::collections::BTreeSet;

/// What the world outside of the module calls and touches.
pub fn roots(module: &Module, linkage: &Linkage, world: World, plan: Option<&ProgramPlan>) -> Roots {
    let functions = plan.into_iter().flat_map(|plan| plan.entry.into_iter().chain(plan.initialize)).collect();
    let visible = match world {
        World::Closed => linkage.visible.iter().copied().collect(),
        World::Open => module.exports.iter().map(|export| export.entity).collect(),
    };
    Roots { functions, visible, open: world == World::Open }
}

/// Which functions to make, in the order of the text section.
pub fn list(
    module: &Module,
    facts: &Facts,
    linkage: &Linkage,
    undefined: &BTreeSet<FuncIndex>,
    role: &Role,
) -> Vec<Job> {
    let mut jobs = Vec::with_capacity(module.functions.len() + 2);
    for (index, func) in &module.functions {
        match &func.definition {
            // Another module has its code, or nobody wants its address or a thunk to call it by.
            Definition::Import(_) if linkage.function(index).is_some() => {}
            Definition::Import(_) if undefined.contains(&index) => jobs.push(Job::Translate(Symbol::Function(index))),
            Definition::Import(_) if !facts.address_taken.contains(index) && !facts.imports_guarded.contains(index) => {
            }
            Definition::Local(_) if !facts.reachable.contains(index) => jobs.push(Job::Validate(index)),
            _ => jobs.push(Job::Translate(Symbol::Function(index))),
        }
    }
    let edges: Vec<Symbol> = match role {
        Role::Program(plan) => {
            let entries = plan.entry.into_iter().chain(plan.initialize).map(Symbol::ArrayEntry);
            entries.chain([Symbol::Main]).collect()
        }
        Role::Member { entries } => entries.iter().copied().map(Symbol::ArrayEntry).collect(),
        Role::Library { plan, interface } => {
            let exports = exported_functions(module).into_iter().map(Symbol::Export);
            exports.chain(plan.initialize.map(Symbol::ArrayEntry)).chain(own_functions(interface)).collect()
        }
    };
    jobs.extend(edges.into_iter().chain([Symbol::Initialize]).map(Job::Translate));
    jobs
}

/// What a library adds to its exports, each once.
fn own_functions(interface: &[Item]) -> Vec<Symbol> {
    let symbol = |item: &Item| match item.kind {
        Kind::Init => Some(Symbol::LibraryInit),
        Kind::MemoryBase(memory) => Some(Symbol::MemoryBase(memory)),
        Kind::MemorySize(memory) => Some(Symbol::MemorySize(memory)),
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
