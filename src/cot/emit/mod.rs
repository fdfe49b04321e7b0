//! The module in SSA form → the bytes of a WebAssembly module: sections in the order of the
//! specification, functions by `body`. The modules import only from those above them.

mod stack;

mod locals;

mod body;

use crate::cot::ir::module::{FuncKind, Module};
use crate::cot::ir::variables::{Described, Extent, Locals, Location};
use crate::cot::ir::{FuncId, Op, Position, Signature};
use body::{Numbering, val_type};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType, ImportSection, IndirectNameMap,
    MemorySection, MemoryType, NameMap, NameSection, RefType, TableSection, TableType, TagKind, TagSection, TagType,
    TypeSection, ValType,
};

const PAGE: u64 = 65536;

/// Declares what C functions really take; read by the translator to native code.
const IMPORT_TYPES_SECTION: &str = "wasm2native.imports";

struct Numbers {
    /// Something is called by its index in the table, although the table may be empty.
    has_indirect_calls: bool,
    funcs: Vec<u32>,
    signatures: HashMap<Signature, u32>,
    has_exceptions: bool,
}

impl Numbering for Numbers {
    fn func(&self, func: FuncId) -> u32 {
        self.funcs[func.0 as usize]
    }

    fn signature(&self, signature: &Signature) -> u32 {
        self.signatures[signature]
    }
}

/// A module, and where it comes from.
pub struct Emitted {
    pub wasm: Vec<u8>,
    /// From which byte of the module on it is made of which place, ascending. A function's first
    /// one comes before its first operator; code of functions without any has none.
    pub places: Vec<(usize, Position)>,
    /// What debuggers are told of the locals of functions.
    pub locals: Vec<Locals>,
}

/// Requires in all functions SSA form, or the form of lowering without unreachable blocks, in which
/// locals get the names of the source.
pub fn emit(module: &Module) -> Emitted {
    let numbers = number(module);
    let mut wasm = wasm_encoder::Module::new();
    wasm.section(&types(&numbers));
    wasm.section(&imports(module, &numbers));
    let mut functions = FunctionSection::new();
    for function in module.defined() {
        functions.function(numbers.signature(&function.signature));
    }
    wasm.section(&functions);
    let n_entries = module.table.len() as u64 + 1;
    if !module.table.is_empty() || numbers.has_indirect_calls {
        let ty = TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: n_entries,
            maximum: Some(n_entries),
            shared: false,
        };
        wasm.section(TableSection::new().table(ty));
    }
    let memory = MemoryType {
        minimum: u64::from(module.stack_end()).div_ceil(PAGE),
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    wasm.section(MemorySection::new().memory(memory));
    if numbers.has_exceptions {
        let func_type_idx = numbers.signature(&Signature::default());
        wasm.section(TagSection::new().tag(TagType { kind: TagKind::Exception, func_type_idx }));
    }
    let stack_pointer = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    wasm.section(GlobalSection::new().global(stack_pointer, &ConstExpr::i32_const(module.stack_end() as i32)));
    wasm.section(&exports(module, &numbers));
    if !module.table.is_empty() {
        let entries: Vec<_> = module.table.iter().map(|func| numbers.func(*func)).collect();
        let entries = Elements::Functions(Cow::Owned(entries));
        wasm.section(ElementSection::new().active(None, &ConstExpr::i32_const(1), entries));
    }
    if !module.data.is_empty() {
        wasm.section(&DataCountSection { count: module.data.len() as u32 });
    }
    let mut code = CodeSection::new();
    let mut places = Vec::new();
    let mut locals: Option<IndirectNameMap> = None;
    let mut described = Vec::new();
    for (func, decl) in module.functions.iter().enumerate() {
        let Some(function) = decl.body() else { continue };
        let emitted = body::emit(function, module, &numbers);
        code.function(&emitted.function);
        let start = code.byte_len() - emitted.function.byte_len();
        if !emitted.described.is_empty() {
            let n_before = places.len();
            let all = n_before..n_before + emitted.places.len();
            described.push((numbers.func(FuncId(func as u32)), emitted.described, all, code.byte_len()));
        }
        places.extend(emitted.places.into_iter().map(|(offset, position)| (start + offset, position)));
        if !emitted.names.is_empty() {
            let mut names = NameMap::new();
            emitted.names.iter().for_each(|(local, name)| names.append(*local, name));
            locals.get_or_insert_default().append(numbers.func(FuncId(func as u32)), &names);
        }
    }
    wasm.section(&code);
    // The first body's length follows the number of bodies.
    let start = wasm.len() - code.byte_len();
    places.iter_mut().for_each(|(offset, _)| *offset += start);
    let described = described.into_iter();
    let described =
        described.map(|(func, it, all, end)| function_locals(func, it, &places[all], start + end)).collect();
    if !module.data.is_empty() {
        let mut data = DataSection::new();
        for run in &module.data {
            data.active(0, &ConstExpr::i32_const(run.address as i32), run.bytes.iter().copied());
        }
        wasm.section(&data);
    }
    wasm.section(&names(module, &numbers, locals.as_ref()));
    let declared = module.import_types.iter().filter(|(func, _)| module.exists(*func));
    let text: String = declared.map(|(_, line)| format!("{line}\n")).collect();
    if !text.is_empty() {
        wasm.section(&CustomSection { name: IMPORT_TYPES_SECTION.into(), data: text.as_bytes().into() });
    }
    Emitted { wasm: wasm.finish(), places, locals: described }
}

/// The locals of a function, with the code of their scopes. `places` and `end`: where the code is
/// made of what, and where it ends.
fn function_locals(
    function: u32,
    described: Vec<Described<Location>>,
    places: &[(usize, Position)],
    end: usize,
) -> Locals {
    let scopes: BTreeSet<Extent> = described.iter().filter_map(|it| it.scope).collect();
    let ends = places.iter().skip(1).map(|(offset, _)| *offset).chain([end]);
    // By the place in the source, so that a scope looks at its own pieces alone.
    let pieces = places.iter().zip(ends).map(|((offset, position), end)| (position.offset, *offset as u32, end as u32));
    let mut pieces: Vec<(u32, u32, u32)> = pieces.collect();
    pieces.sort_unstable();
    let code = |scope: &Extent| {
        let first = pieces.partition_point(|piece| piece.0 < scope.start);
        let after = pieces.partition_point(|piece| piece.0 <= scope.end);
        let mut own: Vec<(u32, u32)> = pieces[first..after].iter().map(|piece| (piece.1, piece.2)).collect();
        own.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (start, end) in own {
            match ranges.last_mut() {
                Some((_, last)) if *last == start => *last = end,
                _ => ranges.push((start, end)),
            }
        }
        ranges
    };
    let scopes = scopes.iter().map(|scope| (*scope, code(scope))).collect();
    Locals { function, described, scopes }
}

/// Imports come before what is defined.
fn number(module: &Module) -> Numbers {
    let is_import = |kind: &FuncKind| matches!(kind, FuncKind::Import { .. });
    let mut next_import = 0;
    let mut next_defined = module.functions.iter().filter(|decl| is_import(&decl.kind)).count() as u32;
    let mut funcs = Vec::with_capacity(module.functions.len());
    for decl in &module.functions {
        match &decl.kind {
            FuncKind::Pending => funcs.push(u32::MAX),
            kind => {
                let next = if is_import(kind) { &mut next_import } else { &mut next_defined };
                funcs.push(*next);
                *next += 1;
            }
        }
    }
    let mut signatures = HashMap::new();
    let mut add = |signature: &Signature| {
        let next = signatures.len() as u32;
        signatures.entry(signature.clone()).or_insert(next);
    };
    let existing = module.functions.iter().filter(|decl| !matches!(decl.kind, FuncKind::Pending));
    existing.for_each(|decl| add(&decl.signature));
    let mut has_indirect_calls = false;
    let mut has_exceptions = false;
    for inst in module.defined().flat_map(|function| &function.blocks).flat_map(|block| &block.insts) {
        if let Op::CallIndirect(signature) = &inst.op {
            add(signature);
            has_indirect_calls = true;
        }
        has_exceptions |= matches!(inst.op, Op::CallCatching(_) | Op::Throw);
    }
    if has_exceptions {
        add(&Signature::default());
    }
    Numbers { has_indirect_calls, funcs, signatures, has_exceptions }
}

fn types(numbers: &Numbers) -> TypeSection {
    let mut ordered: Vec<_> = numbers.signatures.iter().collect();
    ordered.sort_by_key(|(_, number)| **number);
    let mut section = TypeSection::new();
    for (signature, _) in ordered {
        let types = |types: &[_]| types.iter().map(|ty| val_type(*ty)).collect::<Vec<_>>();
        section.ty().function(types(&signature.params), types(&signature.results));
    }
    section
}

fn imports(module: &Module, numbers: &Numbers) -> ImportSection {
    let mut section = ImportSection::new();
    for decl in &module.functions {
        if let FuncKind::Import { module, name } = &decl.kind {
            section.import(module, name, EntityType::Function(numbers.signature(&decl.signature)));
        }
    }
    section
}

fn exports(module: &Module, numbers: &Numbers) -> ExportSection {
    let mut section = ExportSection::new();
    section.export("memory", ExportKind::Memory, 0);
    for (name, func) in &module.exports {
        section.export(name, ExportKind::Func, numbers.func(*func));
    }
    section
}

fn names(module: &Module, numbers: &Numbers, locals: Option<&IndirectNameMap>) -> NameSection {
    let mut named: Vec<_> =
        module.functions.iter().zip(&numbers.funcs).map(|(decl, number)| (*number, &decl.name)).collect();
    named.retain(|(number, _)| *number != u32::MAX);
    named.sort();
    let mut functions = NameMap::new();
    named.into_iter().for_each(|(number, name)| functions.append(number, name));
    let mut globals = NameMap::new();
    globals.append(body::STACK_POINTER, "stack_pointer");
    let mut section = NameSection::new();
    section.functions(&functions);
    if let Some(locals) = locals {
        section.locals(locals);
    }
    section.globals(&globals);
    section
}
