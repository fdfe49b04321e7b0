//! Several modules in one program: which one defines what another imports.
//!
//! Requires the modules, parsed. Types are checked here (core specification, 3.2.7 "Import
//! Matching", 4.5.4 "Instantiation"), so that later stages only ask where an import comes from.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

use crate::wasm::describe::{describe_entity, describe_name};
use crate::wasm::source::Source;
use crate::wasm::structure;
use crate::wasm::{
    Definition, EntityIndex, FuncIndex, GlobalIndex, ImportName, MemoryIndex, Module, TableIndex, TagIndex,
};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wasmparser::MemoryType;

/// A module before its imports are resolved.
pub struct Instance<'a> {
    pub source: &'a Source<'a>,
    pub module: Module<'a>,
}

/// An entity of one of the program's modules, where it is defined.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provider {
    /// Number of the instance in the program.
    pub instance: usize,
    pub entity: EntityIndex,
}

/// A module's imports that other modules of the program define.
#[derive(Clone, Debug, Default)]
pub struct Providers(HashMap<EntityIndex, Provider>);

impl Providers {
    pub fn get(&self, entity: EntityIndex) -> Option<Provider> {
        self.0.get(&entity).copied()
    }
}

/// How one module hangs together with the others.
#[derive(Debug, Default)]
pub struct Linkage {
    /// All other imports come from the runtime or from the linker.
    providers: Providers,
    /// Its own entities that other modules import, or that a script uses.
    pub visible: BTreeSet<EntityIndex>,
    /// C symbols that the user chose for imports, by `module.name`.
    pub symbols: BTreeMap<String, String>,
    /// Its names for the memory of the program that lies at the fixed address.
    pub placed: BTreeSet<MemoryIndex>,
}

impl Linkage {
    /// Of a module that is linked with no other.
    pub fn open(symbols: BTreeMap<String, String>) -> Linkage {
        Linkage { symbols, ..Linkage::default() }
    }

    /// Whether other modules may call its functions, or it theirs.
    pub fn is_linked(&self) -> bool {
        !self.providers.0.is_empty() || !self.visible.is_empty()
    }

    pub fn function(&self, func: FuncIndex) -> Option<Provider> {
        self.provider(EntityIndex::Function(func))
    }

    pub fn table(&self, table: TableIndex) -> Option<Provider> {
        self.provider(EntityIndex::Table(table))
    }

    pub fn memory(&self, memory: MemoryIndex) -> Option<Provider> {
        self.provider(EntityIndex::Memory(memory))
    }

    pub fn global(&self, global: GlobalIndex) -> Option<Provider> {
        self.provider(EntityIndex::Global(global))
    }

    pub fn tag(&self, tag: TagIndex) -> Option<Provider> {
        self.provider(EntityIndex::Tag(tag))
    }

    /// Whether the module shares nothing with others.
    pub fn is_alone(&self) -> bool {
        self.providers.0.is_empty() && self.visible.is_empty()
    }

    pub fn provider(&self, entity: EntityIndex) -> Option<Provider> {
        self.providers.get(entity)
    }
}

/// A module whose imports are resolved.
pub struct Linked<'a> {
    /// Number of the module among the program's.
    pub index: usize,
    pub source: &'a Source<'a>,
    pub module: &'a Module<'a>,
    pub linkage: Linkage,
}

/// With which size of a table or memory an import's smallest size is compared.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// The declared one, with which it begins.
    Initial,
    /// Any that it can grow to: code may have run before the import is made.
    Possible,
}

/// Resolves the imports of all modules, each from those before it. `lookup` finds the one that a
/// module, given by its number, means by a name.
///
/// # Errors
/// When a module imports what the named one does not export, or with another type.
pub fn resolve(
    modules: &[&Module],
    sizes: Sizes,
    lookup: impl Fn(usize, &str) -> Option<usize>,
) -> Result<Vec<Providers>> {
    let mut all: Vec<Providers> = Vec::with_capacity(modules.len());
    for (index, module) in modules.iter().enumerate() {
        all.push(resolve_one(modules, &all, module, sizes, |name| lookup(index, name))?);
    }
    Ok(all)
}

/// Resolves the imports of one more module from those whose imports are resolved.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_one(
    modules: &[&Module],
    resolved: &[Providers],
    module: &Module,
    sizes: Sizes,
    lookup: impl Fn(&str) -> Option<usize>,
) -> Result<Providers> {
    let mut providers = Providers::default();
    for (import, entity) in imports(module) {
        let Some(other) = lookup(import.module) else { continue };
        let Some(exported) = modules[other].export(import.name) else {
            let name = import.module.escape_debug();
            bail!("import {}: the module `{name}` exports nothing of that name", describe_name(import));
        };
        // What it exports may itself be imported: that module defines it.
        let provider = resolved[other].get(exported).unwrap_or(Provider { instance: other, entity: exported });
        let theirs = modules[provider.instance];
        if !matches(module, entity, theirs, provider.entity, sizes) {
            let (wanted, found) = (describe_entity(module, entity), describe_entity(theirs, provider.entity));
            // Each module has indices of its own.
            let more = if wanted == found { ", whose types of these numbers are others" } else { "" };
            bail!(
                "import {} has type {wanted}, but the module `{}` defines it as {found}{more}",
                describe_name(import),
                import.module.escape_debug(),
            );
        }
        providers.0.insert(entity, provider);
    }
    Ok(providers)
}

/// How the modules of a closed program hang together. `used` is what a script uses of them,
/// `symbols` are the C symbols that the user chose, and `placed` is the memory at the fixed
/// address.
pub fn linkages(
    resolved: Vec<Providers>,
    used: impl IntoIterator<Item = Provider>,
    symbols: &BTreeMap<String, String>,
    placed: Option<Provider>,
) -> Vec<Linkage> {
    let mut visible = vec![BTreeSet::new(); resolved.len()];
    for provider in resolved.iter().flat_map(|providers| providers.0.values().copied()).chain(used) {
        visible[provider.instance].insert(provider.entity);
    }
    let linkage = |(instance, (providers, visible)): (usize, (Providers, _))| {
        let own = placed.filter(|placed| placed.instance == instance).map(|placed| placed.entity);
        let imported = providers.0.iter().filter(|(_, provider)| Some(**provider) == placed).map(|(entity, _)| *entity);
        let memory = |entity| match entity {
            EntityIndex::Memory(memory) => Some(memory),
            _ => None,
        };
        let placed = imported.chain(own).filter_map(memory).collect();
        Linkage { providers, visible, symbols: symbols.clone(), placed }
    };
    resolved.into_iter().zip(visible).enumerate().map(linkage).collect()
}

/// The memory of a program that may lie at a fixed address: the first one with 32-bit addresses and
/// whole pages of the last module that has one. That is the main module, where it has a memory.
pub fn main_memory(modules: &[&Module], resolved: &[Providers]) -> Option<Provider> {
    let first = |(instance, module): (usize, &&Module)| {
        let is_guarded = |ty: &MemoryType| !ty.memory64 && ty.page_size_log2.is_none_or(|log2| log2 == 16);
        let (memory, _) = module.memories.iter().find(|(_, memory)| is_guarded(&memory.ty))?;
        let entity = EntityIndex::Memory(memory);
        Some(resolved[instance].get(entity).unwrap_or(Provider { instance, entity }))
    };
    modules.iter().enumerate().rev().find_map(first)
}

/// Puts instances into an order in which each comes after those that it imports from; otherwise
/// they keep theirs.
///
/// # Errors
/// When modules import from each other in a circle.
pub fn order(instances: Vec<Instance>) -> Result<Vec<Instance>> {
    let mut waiting = instances;
    let mut ordered: Vec<Instance> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|instance| {
            imports(&instance.module).all(|(import, _)| waiting.iter().all(|other| other.source.name != import.module))
        });
        let Some(ready) = ready else {
            let names: Vec<_> = waiting.iter().map(|instance| format!("`{}`", instance.source.name)).collect();
            bail!("modules import from each other in a circle: {}", names.join(", "));
        };
        ordered.push(waiting.remove(ready));
    }
    Ok(ordered)
}

/// Everything a module imports.
pub fn imports<'m, 'a>(module: &'m Module<'a>) -> impl Iterator<Item = (ImportName<'a>, EntityIndex)> + 'm {
    fn import<'a, T>(definition: &Definition<'a, T>, entity: EntityIndex) -> Option<(ImportName<'a>, EntityIndex)> {
        definition.import().map(|import| (import, entity))
    }
    let functions =
        module.functions.iter().filter_map(|(index, it)| import(&it.definition, EntityIndex::Function(index)));
    let tables = module.tables.iter().filter_map(|(index, it)| import(&it.definition, EntityIndex::Table(index)));
    let memories = module.memories.iter().filter_map(|(index, it)| import(&it.definition, EntityIndex::Memory(index)));
    let globals = module.globals.iter().filter_map(|(index, it)| import(&it.definition, EntityIndex::Global(index)));
    let tags = module.tags.iter().filter_map(|(index, it)| import(&it.definition, EntityIndex::Tag(index)));
    functions.chain(tables).chain(memories).chain(globals).chain(tags)
}

/// Whether `theirs` can stand for what `ours` says it imports.
fn matches(module: &Module, ours: EntityIndex, other: &Module, theirs: EntityIndex, sizes: Sizes) -> bool {
    match (ours, theirs) {
        (EntityIndex::Function(ours), EntityIndex::Function(theirs)) => {
            structure::is_subtype(other, other.functions[theirs].ty, module, module.functions[ours].ty)
        }
        (EntityIndex::Tag(ours), EntityIndex::Tag(theirs)) => {
            module.type_names[module.tags[ours].ty] == other.type_names[other.tags[theirs].ty]
        }
        (EntityIndex::Global(ours), EntityIndex::Global(theirs)) => {
            let (ours, theirs) = (&module.globals[ours].ty, &other.globals[theirs].ty);
            let fits = if ours.mutable { structure::is_same } else { structure::accepts };
            ours.mutable == theirs.mutable && fits(module, ours.content_type, other, theirs.content_type)
        }
        (EntityIndex::Memory(ours), EntityIndex::Memory(theirs)) => {
            let (ours, theirs) = (&module.memories[ours].ty, &other.memories[theirs].ty);
            ours.memory64 == theirs.memory64
                && ours.shared == theirs.shared
                && ours.page_size_log2 == theirs.page_size_log2
                && limits_match((ours.initial, ours.maximum), (theirs.initial, theirs.maximum), sizes)
        }
        (EntityIndex::Table(ours), EntityIndex::Table(theirs)) => {
            let (ours, theirs) = (&module.tables[ours].ty, &other.tables[theirs].ty);
            structure::is_same(module, ours.element_type.into(), other, theirs.element_type.into())
                && ours.table64 == theirs.table64
                && limits_match((ours.initial, ours.maximum), (theirs.initial, theirs.maximum), sizes)
        }
        _ => false,
    }
}

fn limits_match(ours: (u64, Option<u64>), theirs: (u64, Option<u64>), sizes: Sizes) -> bool {
    let maximum_fits = match (ours.1, theirs.1) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(ours), Some(theirs)) => theirs <= ours,
    };
    let size = match sizes {
        Sizes::Initial => theirs.0,
        Sizes::Possible => theirs.1.unwrap_or(u64::MAX),
    };
    maximum_fits && ours.0 <= size
}
