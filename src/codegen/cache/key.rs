//! The key of an entry: a hash of everything that decides about a function's code.
//!
//! That is what all functions of a module have in common ([`Context`]), and what one function has
//! of its own: the bytes of its body, its type, and what is known of the functions and globals that
//! it names; and the same of each body that may be copied into it. Functions are not named by their
//! indices, which change when one is inserted, but numbered in the order of their first mention.
//!
//! Translation must read nothing that is not here. So everything that it gets is taken apart below
//! without `..`: a new field does not compile until somebody decides where it belongs. Fields are
//! left out (`_`) that translation of bodies does not read, and those that the key of each function
//! covers.

use super::entry::Place;
use crate::analyze::Facts;
use crate::codegen::cranelift::isa::Isa;
use crate::codegen::inline::plan::Plan;
use crate::debug::stacked::Stacked;
use crate::layout::{GlobalPlan, Layout, SegmentPlan};
use crate::number::to_u32;
use crate::translate::Env;
use crate::wasm::{EntityIndex, FuncIndex, Function, Global, GlobalIndex, Module};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use wasmparser::{BinaryReaderError, FunctionBody, Operator, OperatorsReader};

/// What the functions of a module have in common.
pub struct Context(blake3::Hash);

/// What to look for, and what an entry must be told.
pub struct FunctionKey {
    pub hash: blake3::Hash,
    pub place: Place,
}

/// A hash of a list of parts.
struct Parts(blake3::Hasher);

impl Parts {
    /// Its length comes first, so that no two lists are the same bytes.
    fn bytes(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes()).update(part);
    }

    fn value(&mut self, part: impl Debug) {
        self.bytes(format!("{part:?}").as_bytes());
    }
}

impl Context {
    /// `compiler` identifies this compiler.
    pub fn of(compiler: &blake3::Hash, isa: &Isa, env: &Env) -> Context {
        let Env {
            module,
            facts,
            layout,
            // Providers stand beside what they provide.
            linkage: _,
            foreign,
            c,
            undefined: _,
            with_data: _,
            // Exports are not kept.
            instances: _,
            // The settings say it too.
            target: _,
            spectre_masks,
            interruptible,
            // What is known of a function is in its key. Code that counts is not kept.
            profiling: _,
            locals,
            // They are in the keys of their functions.
            stacked: _,
            machine,
        } = env;
        let mut parts = Parts(blake3::Hasher::new());
        parts.bytes(compiler.as_bytes());
        parts.bytes(isa.settings().as_bytes());
        parts.value((c, spectre_masks, interruptible, machine, locals));
        // Their functions are hashed where they are named.
        parts.value(foreign.callbacks.values().collect::<Vec<_>>());
        add_module(&mut parts, env, module);
        add_facts(facts);
        add_layout(&mut parts, layout);
        Context(parts.0.finalize())
    }

    pub fn hash(&self) -> blake3::Hash {
        self.0
    }

    /// The key of a function, whose body is valid. `None` for one that is imported.
    pub fn function(&self, env: &Env, plan: Option<&Plan>, func: FuncIndex) -> Option<FunctionKey> {
        let mut parts = Parts(blake3::Hasher::new());
        parts.bytes(self.0.as_bytes());
        let mut names = Names::default();
        add_body(&mut parts, &mut names, env, func)?;
        // A function that calls itself gets more copies.
        parts.value(names.numbers.get(&func));
        let mut n_seen = 0usize;
        while let Some(&callee) = names.functions.get(n_seen) {
            n_seen = n_seen.saturating_add(1);
            let cost = plan.and_then(|plan| plan.cost(callee));
            parts.value(cost);
            if cost.is_some() {
                add_body(&mut parts, &mut names, env, callee)?;
            }
        }
        let body = env.module.functions[func].definition.local()?.range();
        let first = env.stacked.partition_point(|it| u64::from(it.start) < body.start);
        let stacked = env.stacked[first..].iter().take_while(|it| u64::from(it.start) < body.end);
        for Stacked { start, end, slot } in stacked {
            parts.value((u64::from(*start).checked_sub(body.start), u64::from(*end).checked_sub(body.start), slot));
        }
        let Names { functions, numbers, globals } = names;
        functions.iter().for_each(|func| add_function(&mut parts, env, *func));
        globals.iter().for_each(|global| add_global(&mut parts, env, *global));
        let start = body_start(env, func)?;
        let starts = functions.iter().map(|func| body_start(env, *func)).collect();
        Some(FunctionKey { hash: parts.0.finalize(), place: Place { start, functions, numbers, starts } })
    }
}

/// Byte offset of a function's body in the module. `None` if it is imported.
fn body_start(env: &Env, func: FuncIndex) -> Option<u32> {
    u32::try_from(env.module.functions[func].definition.local()?.range().start).ok()
}

/// What is of one body.
fn add_body(parts: &mut Parts, names: &mut Names, env: &Env, func: FuncIndex) -> Option<()> {
    let Function { ty, definition } = &env.module.functions[func];
    parts.bytes(env.module.type_names[*ty].as_bytes());
    parts.value(env.module.hints.of(func));
    parts.value(&env.facts.tries[func]);
    parts.value(env.profiling.counts().and_then(|counts| counts.cold_points(func)));
    parts.bytes(&names.read(env, definition.local()?).ok()?);
    Some(())
}

fn add_module(parts: &mut Parts, env: &Env, module: &Module) {
    let Module {
        // Their names say as much.
        types: _,
        type_names,
        functions: _,
        tables,
        memories,
        globals,
        tags,
        exports: _,
        start: _,
        elements,
        // Layout says how a segment is used.
        data: _,
        names: _,
        custom: _,
        hints: _,
        // Bodies are validated each time.
        resources: _,
        type_ids: _,
        features,
    } = module;
    let provider = |entity| env.linkage.provider(entity).is_some();
    parts.value(type_names.values().collect::<Vec<_>>());
    for (index, table) in tables {
        parts.value((table.ty, table.definition.is_import(), provider(EntityIndex::Table(index))));
    }
    for (index, memory) in memories {
        parts.value((memory.definition.is_import(), provider(EntityIndex::Memory(index))));
    }
    // Whether there are imported ones decides about alias regions.
    parts.value(globals.values().next().is_some_and(|global| global.definition.is_import()));
    for (index, tag) in tags {
        parts.value((tag.ty, tag.definition.is_import(), provider(EntityIndex::Tag(index))));
    }
    parts.value(elements.values().map(|element| element.ty).collect::<Vec<_>>());
    parts.value(features);
}

/// Layout has what follows from most facts.
fn add_facts(facts: &Facts) {
    let Facts {
        reachable: _,
        address_taken: _,
        globals_written: _,
        tables_used: _,
        tables_written: _,
        tables_grown: _,
        memories_grown: _,
        imports_guarded: _,
        tries: _,
    } = facts;
}

fn add_layout(parts: &mut Parts, layout: &Layout) {
    let Layout {
        // They follow from the types.
        signatures: _,
        signature_of: _,
        supersignatures: _,
        types: _,
        records: _,
        record_of: _,
        memories,
        globals: _,
        tables,
        closed_tables,
        data,
        elements,
        has_threads,
        callbacks,
        globals_shown: _,
        ends_at_trap,
    } = layout;
    parts.value(memories.values().collect::<Vec<_>>());
    parts.value(tables.values().collect::<Vec<_>>());
    for table in tables.keys() {
        // A function whose code depends on single entries is not kept.
        parts.value(closed_tables[table].as_ref().map(|closed| (closed.signature, closed.has_null)));
    }
    parts.value(data.values().chain(elements.values()).map(segment).collect::<Vec<_>>());
    parts.value((has_threads, ends_at_trap, callbacks.values().collect::<Vec<_>>()));
}

/// Code does not depend on where a segment is placed.
fn segment(plan: &SegmentPlan) -> &str {
    match plan {
        SegmentPlan::Placed { offset: _ } => "placed",
        SegmentPlan::Computed => "computed",
        SegmentPlan::Passive => "passive",
        SegmentPlan::Declared => "declared",
    }
}

/// What the code of a caller depends on.
fn add_function(parts: &mut Parts, env: &Env, func: FuncIndex) {
    let Function { ty, definition } = &env.module.functions[func];
    parts.bytes(env.module.type_names[*ty].as_bytes());
    let Some(import) = definition.import() else { return };
    parts.value((
        import.module,
        import.name,
        env.linkage.function(func).is_some(),
        env.undefined.contains(&func),
        env.with_data.contains(&func),
        env.facts.imports_guarded.contains(func),
        env.foreign.function(func),
    ));
}

/// What the code of a reader or writer depends on.
fn add_global(parts: &mut Parts, env: &Env, global: GlobalIndex) {
    let Global { ty, value: _, definition } = &env.module.globals[global];
    let constant = match &env.layout.globals[global] {
        GlobalPlan::Constant(value) => Some(value),
        GlobalPlan::Storage(_) | GlobalPlan::Computed | GlobalPlan::Imported => None,
    };
    parts.value((
        ty,
        definition.is_import(),
        env.linkage.global(global).is_some(),
        env.layout.globals_shown.contains(global),
        matches!(env.layout.globals[global], GlobalPlan::Computed),
        constant,
    ));
}

/// What bodies name.
#[derive(Default)]
struct Names {
    functions: Vec<FuncIndex>,
    numbers: HashMap<FuncIndex, u32>,
    globals: BTreeSet<GlobalIndex>,
}

impl Names {
    /// The bytes of a body, with the numbers of functions instead of their indices.
    fn read(&mut self, env: &Env, body: &FunctionBody) -> Result<Vec<u8>, BinaryReaderError> {
        let mut copy = Vec::new();
        let start = body.range().start;
        let bytes = |from: u64, to: u64| {
            let inside = |offset: u64| offset.checked_sub(start).and_then(|offset| usize::try_from(offset).ok());
            inside(from).zip(inside(to)).and_then(|(from, to)| body.as_bytes().get(from..to)).unwrap_or_default()
        };
        let mut reader = body.get_binary_reader_for_operators()?;
        reader.set_features(env.module.features);
        let mut operators = OperatorsReader::new(reader);
        // Up to here, all is in `copy`.
        let mut copied = start;
        while !operators.eof() {
            let offset = operators.original_position();
            match operators.read()? {
                Operator::Call { function_index }
                | Operator::ReturnCall { function_index }
                | Operator::RefFunc { function_index } => {
                    let end = operators.original_position();
                    let number = self.number(FuncIndex::from_u32(function_index));
                    copy.extend(bytes(copied, offset));
                    // An index in LEB128 has one to five bytes, which move what follows.
                    let operator = bytes(offset, end);
                    copy.extend(operator.first());
                    copy.extend(number.to_le_bytes());
                    copy.extend(to_u32(operator.len()).to_le_bytes());
                    copied = end;
                }
                Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                    self.globals.insert(GlobalIndex::from_u32(global_index));
                }
                _ => {}
            }
        }
        copy.extend(bytes(copied, body.range().end));
        Ok(copy)
    }

    fn number(&mut self, func: FuncIndex) -> u32 {
        let next = to_u32(self.functions.len());
        let number = *self.numbers.entry(func).or_insert(next);
        if number == next {
            self.functions.push(func);
        }
        number
    }
}
