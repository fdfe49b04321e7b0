//! Declarations and a module → [`Foreign`]: which declaration belongs to which import, and whether
//! it fits its Wasm type.
//!
//! Every name is resolved here: memories, tables, the Wasm types of function pointers. What passes
//! is translated without another check.

use super::parse::{self, Base, Declaration, Import, Item, Signature, Spec};
use super::{
    Callback, CallbackIndex, Extent, Foreign, ForeignFunction, FormatKind, FormatString, Integer, Type, VaBuffer,
    VaSlot, Variadic, default_memory,
};
use crate::abi;
use crate::number::to_u32;
use crate::options::{Origin, Source};
use crate::resolve::Linkage;
use crate::wasm::describe::{describe_name, describe_type};
use crate::wasm::structure;
use crate::wasm::{Definition, EntityIndex, FuncIndex, ImportName, MemoryIndex, Module, TableIndex};
use anyhow::{Context, Result, bail};
use cranelift_entity::PrimaryMap;
use std::collections::{BTreeSet, HashMap};
use wasmparser::{CompositeInnerType, FuncType, SubType, ValType};

/// Name under which C compilers export the table of functions.
const FUNCTION_TABLE: &str = "__indirect_function_table";

/// Fixed parameters of a function whose arguments a format string describes: a bit each in
/// [`abi::foreign::FormattedCall`].
const MOST_FIXED: usize = 32;

/// Finds the declaration of each imported C function of a module: among those that were `given`,
/// else in the module's own `section`. Notes in `used` which of the given ones were of use.
/// `long_bits`: width of C's `long`.
///
/// # Errors
/// When there are declarations of an import, and none fits it.
pub fn check(
    module: &Module,
    linkage: &Linkage,
    given: &[Declaration],
    section: &[Declaration],
    long_bits: u8,
    used: &mut BTreeSet<usize>,
) -> Result<Foreign> {
    let mut checker = Checker { module, long_bits, callbacks: PrimaryMap::new() };
    let mut functions = HashMap::new();
    for (index, function) in &module.functions {
        let Definition::Import(import) = function.definition else { continue };
        if linkage.function(index).is_some() {
            continue;
        }
        let named: Vec<_> = given.iter().enumerate().filter(|(_, it)| it.import.is(import)).collect();
        let found = match named.is_empty() {
            false => {
                let (at, function) = checker.first_that_fits(index, import, &named)?;
                used.insert(at);
                function
            }
            true => {
                let named: Vec<_> = section.iter().enumerate().filter(|(_, it)| it.import.is(import)).collect();
                if named.is_empty() {
                    continue;
                }
                checker.first_that_fits(index, import, &named)?.1
            }
        };
        functions.insert(index, found);
    }
    Ok(Foreign { functions, callbacks: checker.callbacks })
}

/// Complains about declarations on the command line that no module has a use for; warns of those in
/// files that look misspelt.
///
/// # Errors
/// With the import that was probably meant.
pub fn check_use(given: &[Declaration], used: &BTreeSet<usize>, modules: &[&Module]) -> Result<Vec<String>> {
    let mut imports = Vec::new();
    for module in modules {
        for function in module.functions.values() {
            imports.extend(function.definition.import().map(|it| format!("{}.{}", it.module, it.name)));
        }
    }
    let mut warnings = Vec::new();
    for (_, declaration) in given.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        let name = declaration.import.to_string();
        if declaration.source.origin == Origin::Library {
            continue;
        }
        let place = parse::place(declaration.source, declaration.line);
        let is_declared = |import: &String| given.iter().any(|it| it.import.to_string() == *import);
        let others: Vec<_> = imports.iter().filter(|import| !is_declared(import)).collect();
        let similar = closest(&name, &others);
        let suggestion = similar.map(|it| format!("; did you mean `{}`?", it.escape_debug())).unwrap_or_default();
        if declaration.source.origin != Origin::Line {
            // A file may declare a whole library.
            if similar.is_some() && !imports.contains(&name) {
                warnings.push(format!("{place}: no function is imported as `{}`{suggestion}", name.escape_debug()));
            }
            continue;
        }
        if imports.contains(&name) {
            bail!("{place}: an earlier declaration, or another module of the program, takes every import of this name");
        }
        bail!("{place}: no function is imported as `{}`{suggestion}{}", name.escape_debug(), list(&imports, similar));
    }
    Ok(warnings)
}

/// Whether `--imports libc` knows a pointer where an import without a declaration has an `i32`: C
/// would take a number of the module's for an address.
pub fn is_address_lost(import: ImportName, ty: &FuncType) -> bool {
    let source = Source { origin: Origin::Library, text: super::LIBRARY.to_owned() };
    let library = parse::parse(&source).expect("a test reads it");
    let is_pointer =
        |spec: &Spec| matches!(spec.base, Base::Pointer(..) | Base::Format(..) | Base::Function(..) | Base::Opaque(_));
    let declaration = library.iter().find(|it| it.import.is(import));
    declaration.is_some_and(|it| {
        it.signature.params.iter().zip(ty.params()).any(|(spec, wasm)| is_pointer(spec) && *wasm == ValType::I32)
    })
}

fn closest<'a>(name: &str, others: &[&'a String]) -> Option<&'a str> {
    // A slip of the finger, or several in a long name.
    let most = (name.len() / 6).max(1);
    let distances = others.iter().map(|other| (strsim::osa_distance(name, other), other.as_str()));
    let best = distances.min_by_key(|(distance, _)| *distance);
    best.filter(|(distance, _)| *distance <= most).map(|(_, other)| other)
}

/// What is imported, where no suggestion says enough and a line can hold it.
fn list(imports: &[String], similar: Option<&str>) -> String {
    const MOST: usize = 8;
    match imports {
        _ if similar.is_some() => String::new(),
        [] => "; no function is imported at all".to_owned(),
        some if some.len() <= MOST => {
            let names: Vec<_> = some.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
            format!("; imported are {}", names.join(", "))
        }
        many => format!("; {} others are, see --emit wat", many.len()),
    }
}

impl Import {
    fn is(&self, import: ImportName) -> bool {
        match self {
            Import::Parts(module, name) => module == import.module && name == import.name,
            Import::Joined(joined) => {
                let rest = joined.strip_prefix(import.module).and_then(|rest| rest.strip_prefix('.'));
                rest == Some(import.name)
            }
        }
    }
}

impl std::fmt::Display for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Import::Parts(module, name) => write!(f, "{module}.{name}"),
            Import::Joined(joined) => f.write_str(joined),
        }
    }
}

struct Checker<'m, 'a> {
    module: &'m Module<'a>,
    long_bits: u8,
    callbacks: PrimaryMap<CallbackIndex, Callback>,
}

impl Checker<'_, '_> {
    /// An import may be declared several times: a variadic function has as many Wasm types as it is
    /// called with.
    fn first_that_fits(
        &mut self,
        func: FuncIndex,
        import: ImportName,
        declarations: &[(usize, &Declaration)],
    ) -> Result<(usize, ForeignFunction)> {
        let ty = self.module.function_type(func);
        let mut reasons = Vec::new();
        for (index, declaration) in declarations {
            match self.function(import, declaration, ty) {
                Ok(function) => return Ok((*index, function)),
                Err(error) => {
                    let place = parse::place(declaration.source, declaration.line);
                    reasons.push(format!("{place}: {error:#}"));
                }
            }
        }
        let name = describe_name(import);
        bail!("{}\nthe import {name} has the Wasm type {}", reasons.join("\n"), describe_type(ty))
    }

    fn function(&mut self, import: ImportName, declaration: &Declaration, ty: &FuncType) -> Result<ForeignFunction> {
        let Declaration { symbol, signature, .. } = declaration;
        if abi::wasi::MODULES.contains(&import.module) && symbol.is_none() {
            bail!(
                "WASI functions are the runtime's; for another one write `{}.{}=SYMBOL: …`",
                import.module,
                import.name
            );
        }
        let n_more = match &signature.variadic {
            parse::Variadic::None => 0,
            parse::Variadic::Listed(types) => types.len(),
            parse::Variadic::Buffer(_) | parse::Variadic::Formatted => 1,
        };
        let n_params = signature.params.len().saturating_add(n_more);
        if n_params != ty.params().len() {
            bail!("the declaration has {}, the import {}", count(n_params), count(ty.params().len()));
        }
        let (fixed, more) = ty.params().split_at(signature.params.len());
        let mut params = Vec::new();
        for (index, (spec, wasm)) in signature.params.iter().zip(fixed).enumerate() {
            params.push(self.ty(spec, *wasm).with_context(|| format!("parameter {index}"))?);
        }
        let variadic = self.variadic(signature, &params, more)?;
        let result = self.result(signature.result.as_ref(), ty.results()).context("the result")?;
        if matches!((&variadic, &result), (Variadic::Formatted(..), Some(Type::V128))) {
            bail!("the result: a function with a format can't return a vector");
        }
        let by_user = declaration.source.origin != Origin::Section;
        Ok(ForeignFunction { by_user, symbol: symbol.clone(), params, variadic, result })
    }

    fn variadic(&mut self, signature: &Signature, params: &[Type], wasm: &[ValType]) -> Result<Variadic> {
        match &signature.variadic {
            parse::Variadic::None => Ok(Variadic::None),
            parse::Variadic::Listed(specs) => {
                let mut types = Vec::new();
                for (index, (spec, wasm)) in specs.iter().zip(wasm).enumerate() {
                    let ty = self.variable(spec, *wasm);
                    types.push(ty.with_context(|| format!("parameter {}", params.len().saturating_add(index)))?);
                }
                Ok(Variadic::Listed(types))
            }
            parse::Variadic::Buffer(specs) => {
                let layout = self.buffer(wasm[0])?;
                let mut slots = Vec::new();
                for (index, spec) in specs.iter().enumerate() {
                    slots.push(self.slot(spec).with_context(|| format!("variable argument {index}"))?);
                }
                Ok(Variadic::Buffer(slots, layout))
            }
            parse::Variadic::Formatted => {
                let layout = self.buffer(wasm[0])?;
                let format = format(signature)?;
                if params.len() > MOST_FIXED {
                    bail!("more than {MOST_FIXED} parameters before `...`");
                }
                if params.iter().any(|ty| matches!(ty, Type::V128 | Type::Reference)) {
                    bail!("vectors and references can't precede `...`");
                }
                Ok(Variadic::Formatted(format, layout))
            }
        }
    }

    fn buffer(&self, wasm: ValType) -> Result<VaBuffer> {
        if !is_integer(wasm) {
            bail!("the address of the buffer of variable arguments can't be an {wasm}");
        }
        let memory = self.memory(None)?;
        Ok(VaBuffer { memory, is_64: self.is_64(memory) })
    }

    /// A variable argument: not everything can be one on every platform.
    fn variable(&mut self, spec: &Spec, wasm: ValType) -> Result<Type> {
        if matches!(spec.base, Base::V128 | Base::Reference) {
            bail!("vectors and references can't be variable arguments");
        }
        self.ty(spec, wasm)
    }

    /// A value in a buffer, by the default argument promotions of C.
    fn slot(&mut self, spec: &Spec) -> Result<VaSlot> {
        let promoted = if spec.base == Base::F32 { ValType::F64 } else { self.wasm_type(spec)? };
        let ty = if spec.base == Base::F32 { Type::F64 } else { self.variable(spec, promoted)? };
        Ok(VaSlot { ty, wasm: promoted })
    }

    /// A parameter whose Wasm type is known.
    fn ty(&mut self, spec: &Spec, wasm: ValType) -> Result<Type> {
        if let Some(wanted) = spec.wasm.filter(|wanted| *wanted != wasm) {
            bail!("it is declared `as {wanted}`, and has the Wasm type {wasm}");
        }
        let refuse = |what: &str| bail!("{what} can't be an {wasm}");
        match &spec.base {
            Base::F32 if wasm == ValType::F32 => Ok(Type::F32),
            Base::F64 if wasm == ValType::F64 => Ok(Type::F64),
            Base::V128 if wasm == ValType::V128 => Ok(Type::V128),
            Base::Reference if matches!(wasm, ValType::Ref(_)) => Ok(Type::Reference),
            Base::F32 => refuse("an `f32`"),
            Base::F64 => refuse("an `f64`"),
            Base::V128 => refuse("a `v128`"),
            Base::Reference => refuse("a reference"),
            Base::Function(signature, item) => {
                let table = match wasm {
                    ValType::Ref(ty) if structure::is_function(self.module, ty) && item.is_none() => None,
                    _ if is_integer(wasm) => Some(self.table(item.as_ref())?),
                    _ => return refuse("a function pointer"),
                };
                Ok(Type::Function(self.callback(signature)?, table))
            }
            _ if !is_integer(wasm) => refuse("an integer or a pointer"),
            Base::Integer { bits, signed } => Ok(Type::Integer(Integer { bits: *bits, signed: *signed })),
            Base::Size { signed } => Ok(Type::Integer(Integer { bits: 64, signed: *signed })),
            Base::Long { signed } => Ok(Type::Integer(Integer { bits: self.long_bits, signed: *signed })),
            Base::Opaque(handle) => Ok(Type::Opaque(handle.clone())),
            Base::Pointer(extent, item) => Ok(Type::Pointer(self.memory(item.as_ref())?, extent.clone())),
            Base::Format(_, item) => Ok(Type::Pointer(self.memory(item.as_ref())?, Extent::String)),
        }
    }

    fn result(&mut self, spec: Option<&Spec>, wasm: &[ValType]) -> Result<Option<Type>> {
        match (spec, wasm) {
            (None, []) => Ok(None),
            (None, _) => bail!("it is declared `void`"),
            // What C returns is dropped.
            (Some(_), []) => Ok(None),
            (Some(_), [_, _, ..]) => bail!("a C function has one, and the import has several"),
            (Some(spec), [wasm]) => self.returned(spec, *wasm).map(Some),
        }
    }

    /// A value that comes from C: a result, or a parameter of a function pointer.
    fn returned(&mut self, spec: &Spec, wasm: ValType) -> Result<Type> {
        if matches!(spec.base, Base::Function(..)) {
            bail!("a C function is not a table index; declare it `opaque`");
        }
        let ty = self.ty(spec, wasm)?;
        match &ty {
            Type::Pointer(_, extent) if !matches!(extent, Extent::Byte | Extent::Anywhere) => {
                bail!("what comes from C is a plain `ptr`: the module finds its end by itself")
            }
            Type::Opaque(handle) if handle.is_last => {
                bail!("only what goes to C can be the last use of a pointer")
            }
            Type::Pointer(memory, _) if self.is_64(*memory) && wasm == ValType::I32 => {
                bail!("an address of a 64-bit memory does not fit into an i32")
            }
            _ => Ok(ty),
        }
    }

    fn callback(&mut self, signature: &Signature) -> Result<CallbackIndex> {
        if signature.variadic != parse::Variadic::None {
            bail!("a function pointer can't have variable arguments");
        }
        let mut wasm_params = Vec::new();
        let mut params = Vec::new();
        for (index, spec) in signature.params.iter().enumerate() {
            let mut add = || -> Result<()> {
                let wasm = self.wasm_type(spec)?;
                params.push(self.returned(spec, wasm)?);
                wasm_params.push(wasm);
                Ok(())
            };
            add().with_context(|| format!("parameter {index} of the function pointer"))?;
        }
        let mut wasm_results = Vec::new();
        let mut result = None;
        if let Some(spec) = &signature.result {
            let context = "the result of the function pointer";
            let wasm = self.wasm_type(spec).context(context)?;
            result = Some(self.returned(spec, wasm).context(context)?);
            wasm_results.push(wasm);
        }
        let wanted = FuncType::new(wasm_params, wasm_results);
        let is_wanted = |ty: &SubType| {
            let is_plain = ty.is_final && ty.supertype_idxs.is_empty();
            is_plain && matches!(&ty.composite_type.inner, CompositeInnerType::Func(ty) if *ty == wanted)
        };
        let Some((ty, _)) = self.module.types.iter().find(|(_, ty)| is_wanted(ty)) else {
            bail!(
                "the function pointer stands for Wasm functions of type {}, and the module has none; `as i32` or `as i64` after a \
                 type changes that",
                describe_type(&wanted)
            );
        };
        let callback = Callback { ty, params, result };
        let known = self.callbacks.iter().find(|(_, other)| **other == callback);
        Ok(known.map(|(index, _)| index).unwrap_or_else(|| self.callbacks.push(callback.clone())))
    }

    /// The Wasm type that a declared type stands for where nothing else determines it.
    fn wasm_type(&self, spec: &Spec) -> Result<ValType> {
        if let Some(wasm) = spec.wasm {
            return Ok(wasm);
        }
        let index_type = |item: Option<&Item>| -> Result<ValType> {
            let memory = match item {
                None => default_memory(self.module),
                some => Some(self.memory(some)?),
            };
            Ok(if memory.is_some_and(|it| self.is_64(it)) { ValType::I64 } else { ValType::I32 })
        };
        match &spec.base {
            Base::Integer { bits: 64, .. } => Ok(ValType::I64),
            Base::Integer { .. } => Ok(ValType::I32),
            Base::F32 => Ok(ValType::F32),
            Base::F64 => Ok(ValType::F64),
            Base::V128 => Ok(ValType::V128),
            Base::Reference => bail!("a reference can't stand here"),
            Base::Pointer(_, item) | Base::Format(_, item) => index_type(item.as_ref()),
            Base::Size { .. } | Base::Long { .. } | Base::Opaque(_) | Base::Function(..) => index_type(None),
        }
    }

    fn memory(&self, item: Option<&Item>) -> Result<MemoryIndex> {
        let memories = &self.module.memories;
        match item {
            None => default_memory(self.module).context("the module has no memory that a pointer could point into"),
            Some(Item::Index(index)) => {
                let memory = memories.keys().nth(*index as usize);
                memory.with_context(|| format!("there is no memory {index}; the module has {}", memories.len()))
            }
            Some(Item::Name(name)) => {
                let imported = |memory: &MemoryIndex| is_called(memories[*memory].definition.import(), name);
                match self.module.export(name) {
                    Some(EntityIndex::Memory(memory)) => Ok(memory),
                    _ => memories.keys().find(imported).with_context(|| format!("no memory is called `{name}`")),
                }
            }
        }
    }

    fn table(&self, item: Option<&Item>) -> Result<TableIndex> {
        let tables = &self.module.tables;
        let is_function = |table: TableIndex| structure::is_function(self.module, tables[table].ty.element_type);
        let table = match item {
            None => match self.module.export(FUNCTION_TABLE) {
                Some(EntityIndex::Table(table)) => table,
                _ => tables
                    .keys()
                    .find(|table| is_function(*table))
                    .context("the module has no table of functions for a function pointer")?,
            },
            Some(Item::Index(index)) => tables
                .keys()
                .nth(*index as usize)
                .with_context(|| format!("there is no table {index}; the module has {}", tables.len()))?,
            Some(Item::Name(name)) => match self.module.export(name) {
                Some(EntityIndex::Table(table)) => table,
                _ => tables
                    .keys()
                    .find(|table| is_called(tables[*table].definition.import(), name))
                    .with_context(|| format!("no table is called `{name}`"))?,
            },
        };
        if !is_function(table) {
            bail!("table {} holds no functions", table.as_u32());
        }
        Ok(table)
    }

    fn is_64(&self, memory: MemoryIndex) -> bool {
        self.module.memories[memory].ty.memory64
    }
}

/// The parameter that says what a buffer holds.
fn format(signature: &Signature) -> Result<FormatString> {
    let find = |wanted: &dyn Fn(&Base) -> Option<FormatKind>| {
        let found =
            signature.params.iter().enumerate().rev().find_map(|(index, spec)| Some((index, wanted(&spec.base)?)));
        found.map(|(index, kind)| FormatString { param: to_u32(index), kind })
    };
    let formats = find(&|base| match base {
        Base::Format(kind, _) => Some(*kind),
        _ => None,
    });
    let strings = || {
        find(&|base| match base {
            Base::Pointer(Extent::String, _) => Some(FormatKind::Printf),
            _ => None,
        })
    };
    formats.or_else(strings).context(
        "the types of the variable arguments are unknown: declare a format parameter (`fmt`), or types after `...`",
    )
}

fn is_called(import: Option<ImportName>, name: &str) -> bool {
    import.is_some_and(|it| it.name == name || format!("{}.{}", it.module, it.name) == name)
}

fn is_integer(wasm: ValType) -> bool {
    matches!(wasm, ValType::I32 | ValType::I64)
}

fn count(n: usize) -> String {
    match n {
        0 => "no parameters".to_owned(),
        1 => "1 parameter".to_owned(),
        n => format!("{n} parameters"),
    }
}
