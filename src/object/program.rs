//! The description of an executable or a library: [`Program`](crate::abi::program::Program), and
//! the options section that `wasm2native inspect` reads.

use super::bytes::Data;
use super::writer::{Writer, image_symbol};
use super::{ProgramPlan, profile, script};
use crate::abi::feature::{NAME_LENGTH, RequirementFields};
use crate::abi::program::{EntryKind, ForeignFunctionFields, ProgramFields, SHARED_SYMBOL, SharedFields, VERSION};
use crate::abi::record::Zero;
use crate::abi::value::{
    TYPE_ANYREF, TYPE_EXNREF, TYPE_EXTERNREF, TYPE_F32, TYPE_F64, TYPE_FUNCREF, TYPE_I32, TYPE_I64, TYPE_V128,
};
use crate::code::Requirement;
use crate::layout::Symbol;
use crate::wasm::Module;
use crate::wasm::structure::{self, is_exception, is_extern};
use object::write::{StandardSection, SymbolId};
use object::{SectionKind, SymbolKind, SymbolScope};
use std::collections::BTreeSet;
use wasmparser::ValType;

/// What the object describes of its own module.
pub struct Own<'a> {
    pub image: SymbolId,
    /// Its counted functions, if it counts.
    pub counted: Option<SymbolId>,
    /// The list of its variables, in a library.
    pub variables: Option<SymbolId>,
    /// What its code needs.
    pub requirements: &'a [Requirement],
}

/// Writes the description. It belongs to the object of the last instance, `instance`.
pub fn write(writer: &mut Writer, plan: &ProgramPlan, instance: usize, own: Own) {
    let Own { image, counted, variables, requirements } = own;
    let module = writer.module;
    let ty = plan.entry.map(|entry| module.function_type(entry));
    let (parameters, results) = ty.map_or((&[][..], &[][..]), |ty| (ty.params(), ty.results()));
    let (n_parameters, n_results) = (parameters.len() as u64, results.len() as u64);
    let options: Vec<u8> = plan.options.iter().flat_map(|option| option.bytes().chain([0])).collect();
    let options_length = options.len() as u64;
    let options = write_options(writer, options);
    let (foreign, foreign_length) = write_words(writer, "w2n.foreign", plan.foreign.iter().flatten());
    let (foreign_functions, n_foreign_functions) = write_functions(writer, plan);
    let (wasi_imports, wasi_imports_length) = write_words(writer, "w2n.wasi_imports", &plan.wasi);
    let entry_name =
        read_only(writer, "w2n.entry_name", plan.entry_name.replace('\0', "?").bytes().chain([0]).collect());
    let parameters = read_only(writer, "w2n.parameters", parameters.iter().map(|ty| type_code(module, *ty)).collect());
    let results = read_only(writer, "w2n.results", results.iter().map(|ty| type_code(module, *ty)).collect());
    let start_wasi = plan.starts_wasi.then(|| writer.runtime_symbol("w2n_wasi_start"));
    let script = plan.script.as_ref().map(|commands| script::write(writer, commands));
    let run_script = script.map(|_| writer.runtime_symbol("w2n_script_run"));
    let mut images = Data::default();
    for other in 0..instance {
        images.address(writer.undefined(image_symbol(other), SymbolKind::Data));
    }
    images.address(image);
    let images = writer.local("w2n.images", StandardSection::ReadOnlyDataWithRel, images, 8);
    let file = plan.profile.as_deref().zip(counted);
    let profile = file.map(|(file, counted)| profile::write_program(writer, file, instance, counted));
    write_shared(writer);
    let trees = &plan.embedded;
    let embedded = (!trees.is_empty()).then(|| read_only(writer, "w2n.embedded", trees.clone()));
    let mut data = Data::default();
    data.record(ProgramFields {
        version: VERSION,
        state: Zero,
        entered: Zero,
        images: Some(images),
        n_images: (instance as u64).saturating_add(1),
        initialize: plan.initialize.and_then(|func| writer.defined(Symbol::ArrayEntry(func))),
        entry: plan.entry.map(|func| writer.defined(Symbol::ArrayEntry(func)).expect("the entry is compiled")),
        entry_name: Some(entry_name),
        parameters: Some(parameters),
        n_parameters,
        results: Some(results),
        n_results,
        options: Some(options),
        options_length,
        foreign,
        foreign_length,
        foreign_functions,
        n_foreign_functions,
        tell_crash: foreign_functions.map(|_| writer.runtime_symbol("w2n_tell_crash")),
        wasi_imports,
        wasi_imports_length,
        embedded,
        embedded_length: trees.len() as u64,
        script,
        run_script,
        thread_start: plan.thread_start.and_then(|func| writer.defined(Symbol::ArrayEntry(func))),
        start_wasi,
        extra_powers: plan.extra_powers.then(|| writer.runtime_symbol("w2n_wasi_extra")),
        configure_wasi: (plan.starts_wasi && plan.kind == EntryKind::Library)
            .then(|| writer.runtime_symbol("w2n_wasi_configure")),
        invoke: (plan.kind == EntryKind::Invoke).then(|| writer.runtime_symbol("w2n_invoke")),
        unpack: (!trees.is_empty()).then(|| writer.runtime_symbol("w2n_unpack")),
        timeout: plan.timeout.then(|| writer.runtime_symbol("w2n_timeout")),
        profile,
        variables,
        poll_page: plan.interruptible.then(|| writer.refer(Symbol::PollPage)),
        poll_fault: plan.interruptible.then(|| writer.runtime_symbol("w2n_poll_fault")),
        requirements: write_requirements(writer, requirements),
        n_requirements: requirements.len() as u64,
        kind: plan.kind as u8,
        fixed_powers: u8::from(plan.fixed_powers),
        fatal_errors: u8::from(plan.fatal_errors),
        gc: Zero,
        initializer: Zero,
        copies_pages: Zero,
        has_memories: Zero,
        interrupted: Zero,
        next: Zero,
        wasi: Zero,
        wasi_config: Zero,
        user_data: Zero,
        max_memory: Zero,
        max_table: Zero,
        max_heap: Zero,
        memory: Zero,
        tables: Zero,
        objects: Zero,
    });
    let symbol = writer.refer(Symbol::Program);
    let section = writer.object.section_id(StandardSection::Data);
    writer.define(symbol, section, data, 8);
}

/// The [`Shared`](crate::abi::program::Shared) of the process, unless another object defines it.
fn write_shared(writer: &mut Writer) {
    let mut data = Data::default();
    data.record(SharedFields { version: VERSION, padding: Zero, programs: Zero, main: Zero, attempt: Zero });
    let (symbol, section) = writer.mergeable(SHARED_SYMBOL, SymbolScope::Dynamic, StandardSection::Data);
    writer.define(symbol, section, data, 8);
}

/// Texts, each ended by a zero byte: their place, if there are any, and how many bytes they take.
fn write_words<'t>(
    writer: &mut Writer,
    name: &str,
    words: impl IntoIterator<Item = &'t String>,
) -> (Option<SymbolId>, u64) {
    let words = words.into_iter().flat_map(|word| word.replace('\0', "?").into_bytes().into_iter().chain([0]));
    let bytes: Vec<u8> = words.collect();
    let length = bytes.len() as u64;
    ((length != 0).then(|| read_only(writer, name, bytes)), length)
}

/// The C functions with their names: their place, if there are any, and how many there are.
fn write_functions(writer: &mut Writer, plan: &ProgramPlan) -> (Option<SymbolId>, u64) {
    let mut data = Data::default();
    let mut written = BTreeSet::new();
    for [module, name, symbol] in &plan.foreign {
        if !plan.foreign_functions.contains(symbol) || !written.insert(symbol) {
            continue;
        }
        let name = format!("{module}.{name}").replace('\0', "?").into_bytes();
        let name = Some(read_only(writer, "w2n.foreign_name", [name, vec![0]].concat()));
        let function = writer.external(symbol.clone(), SymbolKind::Text);
        data.record(ForeignFunctionFields { function: Some(function), name });
    }
    let n_functions = written.len() as u64;
    let place = StandardSection::ReadOnlyDataWithRel;
    ((n_functions != 0).then(|| writer.local("w2n.foreign_functions", place, data, 8)), n_functions)
}

fn write_requirements(writer: &mut Writer, requirements: &[Requirement]) -> Option<SymbolId> {
    let mut data = Data::default();
    for requirement in requirements {
        let mut name = [0; NAME_LENGTH];
        name[..requirement.name.len()].copy_from_slice(requirement.name.as_bytes());
        data.record(RequirementFields { bits: requirement.bits, register: requirement.register, name });
    }
    let section = StandardSection::ReadOnlyData;
    (!requirements.is_empty()).then(|| writer.local("w2n.requirements", section, data, 4))
}

fn read_only(writer: &mut Writer, name: &str, bytes: Vec<u8>) -> SymbolId {
    writer.local(name, StandardSection::ReadOnlyData, Data::from(bytes), 1)
}

fn write_options(writer: &mut Writer, bytes: Vec<u8>) -> SymbolId {
    let (segment, name) = writer.format.options_section();
    let section = writer.object.add_section(segment.into(), name.into(), SectionKind::ReadOnlyData);
    // One byte more, so that the section is never empty: it is how `inspect` knows our programs.
    let bytes = [bytes, vec![0]].concat();
    writer.object.append_section_data(section, &bytes, 1);
    writer.local_label("w2n.options", section)
}

/// The code of a value type in the contract.
pub fn type_code(module: &Module, ty: ValType) -> u8 {
    match ty {
        ValType::I32 => TYPE_I32,
        ValType::I64 => TYPE_I64,
        ValType::F32 => TYPE_F32,
        ValType::F64 => TYPE_F64,
        ValType::V128 => TYPE_V128,
        ValType::Ref(ty) if structure::is_function(module, ty) => TYPE_FUNCREF,
        ValType::Ref(ty) if is_exception(ty) => TYPE_EXNREF,
        ValType::Ref(ty) if is_extern(ty) => TYPE_EXTERNREF,
        ValType::Ref(_) => TYPE_ANYREF,
    }
}
