//! What the checker trusts of a module: what its symbols are, how large its memories and tables
//! are, and which kinds of code it can have.
//!
//! Comes in: the object, whose records the runtime goes by, and the module, for what other objects
//! define.

use crate::image::{Image, SymbolNumber};
use crate::signature::{Convention, Rules};
use anyhow::Result;
use object::Architecture;
use std::collections::{HashMap, HashSet};
use wasmparser::{Operator, Parser, Payload, TypeRef, ValType};

/// What a symbol is, by its name (`object::writer`).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Global,
    Memory,
    Table,
    /// The entries of a table at a fixed place.
    Entries,
    /// Of bytes or of table entries.
    Segment,
    Slot(Slot),
    Program,
    Counters,
    PollPage,
    /// Of functions that C can call back.
    Pool,
    Heap,
    Signature,
    /// Of objects, or a tag.
    TypeRecord,
    Function,
    /// What another object defines: a function of the runtime or of C.
    Outside,
    Other,
}

/// What a slot has the address of.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    Function,
    Global,
    Memory,
    Table,
    Tag,
}

#[derive(Copy, Clone, Debug)]
pub struct Memory {
    /// Bytes that are reserved in any case.
    pub least: u64,
    /// The most that it can have.
    pub maximum: u64,
    /// Bytes after its size, whatever that is, that fault or lie within it.
    pub guard: u64,
    /// Accesses fault, rather than be compared.
    pub is_guarded: bool,
    /// Where it lies, if code knows.
    pub place: Option<u64>,
}

#[derive(Copy, Clone, Debug)]
pub struct Table {
    pub entry_size: u64,
}

/// Kinds of code whose proof needs the types of references, which machine code does not have.
#[derive(Copy, Clone, Debug, Default)]
pub struct Powers {
    /// Objects and exceptions.
    pub objects: bool,
    /// References to functions: code reads the signature before an entry, or calls by a type.
    pub references: bool,
}

/// What is taken for granted, besides the object's own records.
#[derive(Clone, Debug, Default)]
pub struct Trusted<'i> {
    /// The module, in binary form, which was validated.
    pub module: Option<&'i [u8]>,
    /// The functions of the runtime that code may call, by symbol.
    pub runtime: &'i [&'i str],
    /// Accesses to 32-bit memories of other objects are compared with the size.
    pub memory_checks: bool,
    /// Where the first memory of a program lies, if another object defines it.
    pub place: Option<u64>,
    /// C functions are declared, so that code handles addresses of the host.
    pub calls_c: bool,
    /// The code is LLVM's.
    pub llvm: bool,
}

pub struct Knowledge<'i> {
    pub image: &'i Image,
    pub roles: Vec<Role>,
    pub memories: HashMap<SymbolNumber, Memory>,
    pub tables: HashMap<SymbolNumber, Table>,
    pub powers: Powers,
    pub rules: Rules,
    /// Symbols of functions of the runtime that code may call.
    pub runtime: HashSet<&'i str>,
    /// C functions are declared: code handles their pointers.
    pub calls_c: bool,
    /// The beginnings of functions that never return.
    pub endless: HashSet<u32>,
    /// Types of functions whose names are hashes.
    pub hashed: HashMap<String, Convention>,
    /// Names that the module imports functions by, with and without their module's.
    pub imports: HashSet<String>,
}

/// Functions that Cranelift calls by itself.
const LIBRARY: [&str; 16] = [
    "ceilf",
    "ceil",
    "floorf",
    "floor",
    "truncf",
    "trunc",
    "nearbyintf",
    "nearbyint",
    "fmaf",
    "fma",
    "memcpy",
    "memset",
    "memmove",
    "memcmp",
    "w2n_x86_pshufb",
    "__tls_get_addr",
];

impl<'i> Knowledge<'i> {
    /// # Errors
    /// When the module can't be read.
    pub fn new(image: &'i Image, trusted: &Trusted<'i>) -> Result<Knowledge<'i>> {
        let declared = trusted.module.map(|wasm| Declared::read(wasm, trusted, image.architecture)).transpose()?;
        let declared = declared.unwrap_or_default();
        let roles: Vec<Role> = image.symbols.iter().map(role).collect();
        let runtime = trusted.runtime.iter().copied().chain(LIBRARY).collect();
        let mut knowledge = Knowledge {
            image,
            roles,
            memories: HashMap::new(),
            tables: HashMap::new(),
            powers: declared.powers,
            rules: declared.rules,
            runtime,
            calls_c: trusted.calls_c,
            endless: HashSet::new(),
            hashed: declared.hashed,
            imports: declared.imports,
        };
        for (number, role) in knowledge.roles.iter().enumerate() {
            let name = &image.symbols[number].name;
            match role {
                Role::Memory => {
                    let imported = declared.memory.map(|memory| Memory { place: trusted.place, ..memory });
                    if let Some(memory) = defined_memory(image, name).or(imported) {
                        knowledge.memories.insert(number, memory);
                    }
                }
                Role::Table | Role::Slot(Slot::Table) => {
                    let size = image.word(name, 24).filter(|_| *role == Role::Table).or(declared.entry_size);
                    knowledge.tables.extend(size.map(|entry_size| (number, Table { entry_size })));
                }
                _ => {}
            }
        }
        // Code that has the address may need no descriptor.
        let has_descriptor = knowledge.roles.contains(&Role::Memory);
        if let (Some(memory), Some(_), false) = (declared.memory, trusted.place, has_descriptor) {
            knowledge.memories.insert(SymbolNumber::MAX, Memory { place: trusted.place, ..memory });
        }
        Ok(knowledge)
    }

    pub fn role(&self, symbol: SymbolNumber) -> Role {
        self.roles[symbol]
    }

    /// What is known of an encoded type.
    pub fn convention(&self, signature: &str) -> Option<Convention> {
        Convention::of(signature, self.image.architecture, self.rules).or_else(|| self.hashed.get(signature).copied())
    }

    pub fn name(&self, symbol: SymbolNumber) -> &str {
        &self.image.symbols[symbol].name
    }
}

fn role(symbol: &crate::image::Symbol) -> Role {
    let name = symbol.name.as_str();
    if symbol.is_code {
        return Role::Function;
    }
    if name.starts_with("w2n.sig.") {
        return Role::Signature;
    }
    if name.starts_with("w2n.type.") {
        return Role::TypeRecord;
    }
    let mut words = name.split('.');
    if words.next() != Some("w2n") {
        return match name {
            "w2n_program" => Role::Program,
            "w2n_heap" => Role::Heap,
            _ if symbol.place.is_none() => Role::Outside,
            _ => Role::Other,
        };
    }
    let words: Vec<&str> = words.filter(|word| word.parse::<u32>().is_err()).collect();
    match words[..] {
        ["global"] => Role::Global,
        ["memory"] => Role::Memory,
        ["table"] => Role::Table,
        ["entries"] => Role::Entries,
        ["data" | "elem"] => Role::Segment,
        ["tag"] => Role::TypeRecord,
        ["counters"] => Role::Counters,
        ["callbacks", "pool"] => Role::Pool,
        ["poll_page"] => Role::PollPage,
        ["function"] => Role::Function,
        ["slot", "function"] => Role::Slot(Slot::Function),
        ["slot", "global"] => Role::Slot(Slot::Global),
        ["slot", "memory"] => Role::Slot(Slot::Memory),
        ["slot", "table"] => Role::Slot(Slot::Table),
        ["slot", "tag"] => Role::Slot(Slot::Tag),
        _ => Role::Other,
    }
}

/// Reads `abi::memory::Memory`.
fn defined_memory(image: &Image, name: &str) -> Option<Memory> {
    let word = |at| image.word(name, at);
    let (bytes, maximum, reserved, least, place) = (word(8)?, word(16)?, word(24)?, word(32)?, word(40)?);
    let guard = reserved.checked_sub(maximum)?;
    // Where less is reserved, the maximum is as much lower; the guard stays.
    let is_sound = least == reserved || least == bytes + guard;
    let memory = Memory { least, maximum, guard, is_guarded: least >= 1 << 33, place: (place != 0).then_some(place) };
    is_sound.then_some(memory)
}

/// What the module says of itself.
#[derive(Default)]
struct Declared {
    powers: Powers,
    rules: Rules,
    imports: HashSet<String>,
    hashed: HashMap<String, Convention>,
    /// Of imported memories, if all are of one form.
    memory: Option<Memory>,
    /// Of imported tables, likewise.
    entry_size: Option<u64>,
}

impl Declared {
    fn read(wasm: &[u8], trusted: &Trusted, architecture: Architecture) -> Result<Declared> {
        let rules = if trusted.llvm { llvm_rules(wasm)? } else { Rules::Cranelift };
        let mut declared = Declared { rules, ..Declared::default() };
        let mut memories = Vec::new();
        let mut sizes = HashSet::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(_) => {
                                declared.imports.insert(import.name.to_owned());
                                declared.imports.insert(format!("{}_{}", import.module, import.name));
                            }
                            TypeRef::Memory(ty) => memories.push(imported_memory(&ty, trusted.memory_checks)),
                            TypeRef::Table(ty) => {
                                sizes.insert(if ty.element_type.is_extern_ref() { 8 } else { 16 });
                            }
                            _ => {}
                        }
                    }
                }
                Payload::TagSection(_) => declared.powers.objects = true,
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            if let wasmparser::CompositeInnerType::Func(ty) = &ty.composite_type.inner
                                && let Some(name) = plain_name(ty)
                            {
                                let hash = format!("#{}", blake3::hash(name.as_bytes()).to_hex());
                                let convention = Convention::of(&name, architecture, rules);
                                declared.hashed.extend(convention.map(|convention| (hash, convention)));
                            }
                            declared.powers.objects |=
                                !matches!(ty.composite_type.inner, wasmparser::CompositeInnerType::Func(_));
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()? {
                        let operator = operator?;
                        declared.powers.references |= uses_references(&operator);
                    }
                }
                Payload::ElementSection(_) | Payload::TableSection(_) => {}
                _ => {}
            }
        }
        let first = memories.first().copied();
        declared.memory =
            first.filter(|first| memories.iter().all(|it| it.guard == first.guard && it.least == first.least));
        declared.entry_size = if sizes.len() == 1 { sizes.into_iter().next() } else { None };
        Ok(declared)
    }
}

/// LLVM has another convention for modules with tail calls. Functions that are imported are called
/// instead.
fn llvm_rules(wasm: &[u8]) -> Result<Rules> {
    use Operator::{ReturnCall, ReturnCallIndirect, ReturnCallRef};
    let mut n_imported = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let body = match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    n_imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
                continue;
            }
            Payload::CodeSectionEntry(body) => body,
            _ => continue,
        };
        for operator in body.get_operators_reader()? {
            let is_tail_call = match operator? {
                ReturnCall { function_index } => function_index >= n_imported,
                ReturnCallIndirect { .. } | ReturnCallRef { .. } => true,
                _ => false,
            };
            if is_tail_call {
                return Ok(Rules::Tail);
            }
        }
    }
    Ok(Rules::C)
}

/// The encoded name of a type without declared types, however long.
fn plain_name(ty: &wasmparser::FuncType) -> Option<String> {
    let letter = |ty: &ValType| match *ty {
        ValType::I32 => Some("i"),
        ValType::I64 => Some("l"),
        ValType::F32 => Some("f"),
        ValType::F64 => Some("d"),
        ValType::V128 => Some("v"),
        ValType::FUNCREF => Some("r"),
        ValType::EXTERNREF => Some("e"),
        _ => None,
    };
    let params: Option<String> = ty.params().iter().map(letter).collect();
    let results: Option<String> = ty.results().iter().map(letter).collect();
    Some(format!("{}.{}", params?, results?))
}

fn uses_references(operator: &Operator) -> bool {
    use Operator::{
        BrOnCast, BrOnCastFail, CallRef, RefCastNonNull, RefCastNullable, RefTestNonNull, RefTestNullable,
        ReturnCallRef, TableFill, TableGrow, TableSet,
    };
    matches!(
        operator,
        BrOnCast { .. }
            | BrOnCastFail { .. }
            | CallRef { .. }
            | ReturnCallRef { .. }
            | RefCastNonNull { .. }
            | RefCastNullable { .. }
            | RefTestNonNull { .. }
            | RefTestNullable { .. }
            | TableFill { .. }
            | TableGrow { .. }
            | TableSet { .. }
    )
}

/// A memory of another object (`docs/memory.md`): its smallest guard.
fn imported_memory(ty: &wasmparser::MemoryType, has_memory_checks: bool) -> Memory {
    const PAGE: u64 = 65536;
    let is_small = ty.page_size_log2 == Some(0);
    let (guard, is_guarded) = match (is_small, ty.memory64) {
        (true, _) => (0, false),
        (false, true) => ((2 << 30) + PAGE, false),
        (false, false) if has_memory_checks => (PAGE, false),
        (false, false) => (0, true),
    };
    let maximum = if ty.memory64 { 1 << 47 } else { 1 << 32 };
    let least = if is_guarded { (8 << 30) + PAGE } else { guard };
    Memory { least, maximum, guard, is_guarded, place: None }
}
