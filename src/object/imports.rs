//! The C symbols of imports: the naming rule of the execution model, and what an executable may
//! import.

use crate::abi;
use crate::abi::wasi::{TRACE_PREFIX, WasiFunction};
use crate::foreign::{Foreign, ForeignFunction};
use crate::resolve::{self, Linkage};
use crate::unit::Unit;
use crate::wasm::describe::{describe_global, describe_name, describe_table, describe_tag, describe_type};
use crate::wasm::{Definition, EntityIndex, FuncIndex, ImportName, Module};
use anyhow::{Result, bail};
use std::collections::HashMap;
use std::fmt::Write as _;
use wasmparser::{FuncType, ValType};

/// Symbols of imported functions, and of other imports by their place among their kind.
pub struct ImportSymbols {
    pub functions: HashMap<FuncIndex, String>,
    pub tables: Vec<String>,
    pub memories: Vec<String>,
    pub globals: Vec<String>,
    pub tags: Vec<String>,
}

/// Names all imports.
///
/// # Errors
/// When two different imports get the same symbol.
pub fn symbols(unit: &Unit) -> Result<ImportSymbols> {
    let Unit { module, linkage, foreign, shims, traced, .. } = unit;
    let mut names = Namer { linkage, taken: HashMap::new() };
    let mut symbols = ImportSymbols {
        functions: HashMap::new(),
        tables: Vec::new(),
        memories: Vec::new(),
        globals: Vec::new(),
        tags: Vec::new(),
    };
    for (index, func) in &module.functions {
        if let Definition::Import(import) = func.definition
            && linkage.function(index).is_none()
        {
            let symbol = match (foreign.function(index), shims.get(index)) {
                // Whoever names the symbol means it: several imports may be one C function.
                (Some(ForeignFunction { symbol: Some(symbol), .. }), _) => symbol.clone(),
                (Some(_), _) => names.name(import, "declared function".to_owned())?,
                (None, Some(shim)) => shim.symbol.to_owned(),
                _ if traced.contains(&index) => format!("{TRACE_PREFIX}{}", symbol(linkage, import)),
                (None, None) => names.name(import, format!("function {}", describe_type(module.signature(func.ty))))?,
            };
            symbols.functions.insert(index, symbol);
        }
    }
    for (index, table) in &module.tables {
        let linked = linkage.table(index).is_some();
        symbols.tables.extend(names.maybe(table.definition.import(), linked, || describe_table(&table.ty))?);
    }
    for (index, memory) in &module.memories {
        let linked = linkage.memory(index).is_some();
        symbols.memories.extend(names.maybe(memory.definition.import(), linked, || "memory".to_owned())?);
    }
    for (index, global) in &module.globals {
        let linked = linkage.global(index).is_some();
        symbols.globals.extend(names.maybe(global.definition.import(), linked, || describe_global(&global.ty))?);
    }
    for (index, tag) in &module.tags {
        let linked = linkage.provider(EntityIndex::Tag(index)).is_some();
        symbols.tags.extend(names.maybe(tag.definition.import(), linked, || describe_tag(module.signature(tag.ty)))?);
    }
    Ok(symbols)
}

/// An import of an executable that neither another module nor the runtime defines: the linker has
/// to.
pub struct OpenImport<'a> {
    pub import: ImportName<'a>,
    pub entity: EntityIndex,
    /// The C symbol.
    pub symbol: String,
    /// Kind, name and type, for messages: `` function `env.f` of type (i32) ``.
    pub description: String,
    /// Why nothing can define it, whatever the linker finds.
    pub refusal: Option<&'static str>,
    /// The user has declared it.
    pub declared: bool,
    /// It gets the host's pointer before its arguments.
    pub has_data: bool,
}

/// [`OpenImport::refusal`] of a function that has the name of one of WASI's, and another type.
pub const OF_WASI: &str = "WASI defines it with another type";

/// What an executable leaves to the linker. `is_replaced`: whether somebody else than the runtime
/// defines the symbol of a function of WASI.
pub fn open<'a>(
    module: &Module<'a>,
    linkage: &Linkage,
    foreign: &Foreign,
    is_replaced: impl Fn(&str) -> bool,
) -> Vec<OpenImport<'a>> {
    let mut list = Vec::new();
    for (import, entity) in resolve::imports(module) {
        let name = describe_name(import);
        let declared = match entity {
            EntityIndex::Function(func) => foreign.function(func),
            _ => None,
        };
        let (description, refusal) = match entity {
            _ if linkage.provider(entity).is_some() => continue,
            EntityIndex::Function(func) => {
                let ty = module.function_type(func);
                let description = format!("function {name} of type {}", describe_type(ty));
                match wasi_type(import).filter(|_| declared.is_none()) {
                    Some(wasi) if wasi == letters(ty) => match has_own_symbol(linkage, import) {
                        false if !is_replaced(&symbol(linkage, import)) => continue,
                        _ => (description, None),
                    },
                    Some(_) if has_own_symbol(linkage, import) => (description, None),
                    Some(_) => (description, Some(OF_WASI)),
                    None => (description, None),
                }
            }
            // The runtime makes it.
            EntityIndex::Memory(_) => continue,
            EntityIndex::Global(global) => (format!("{} {name}", describe_global(&module.globals[global].ty)), None),
            EntityIndex::Table(table) => (
                format!("{} {name}", describe_table(&module.tables[table].ty)),
                Some("only another module can define it"),
            ),
            EntityIndex::Tag(tag) => {
                let ty = describe_type(module.signature(module.tags[tag].ty));
                (format!("tag {name} of type {ty}"), Some("only another module can define it"))
            }
        };
        let symbol = declared.and_then(|it| it.symbol.clone()).unwrap_or_else(|| symbol(linkage, import));
        let declared = declared.is_some_and(|it| it.by_user);
        list.push(OpenImport { import, entity, symbol, description, refusal, declared, has_data: false });
    }
    list
}

/// A function by the name of WASI's and of another type is nobody's: the host can't define the
/// symbol for it, since the runtime does.
///
/// # Errors
/// When there is one among the imports of a library.
pub fn check_wasi(imports: &[OpenImport]) -> Result<()> {
    match imports.iter().find(|import| import.refusal == Some(OF_WASI)) {
        Some(import) => bail!(
            "the import of {} can't be linked: {OF_WASI}\nhelp: --import-symbol {}=NAME lets the host define it as NAME",
            import.description,
            full_name(import.import)
        ),
        None => Ok(()),
    }
}

/// Whether the import is a WASI function's name, to which the user gave no symbol.
pub fn is_wasi(linkage: &Linkage, import: ImportName) -> bool {
    wasi_type(import).is_some() && !has_own_symbol(linkage, import)
}

/// The WASI function that an import is by its name.
pub fn wasi_function(import: ImportName) -> Option<&'static WasiFunction> {
    let [preview1, unstable] = abi::wasi::MODULES;
    let function = abi::wasi::FUNCTIONS.iter().find(|function| function.name == import.name)?;
    (import.module == preview1 || import.module == unstable && function.is_unstable).then_some(function)
}

/// As [`wasi_function`], if the import has its type too.
pub fn typed_wasi_function(import: ImportName, ty: &FuncType) -> Option<&'static WasiFunction> {
    let (parameters, result) = letters(ty);
    wasi_function(import).filter(|it| it.parameters == parameters && it.result == result)
}

/// Whether the user chose the import's symbol.
fn has_own_symbol(linkage: &Linkage, import: ImportName) -> bool {
    linkage.symbols.contains_key(&full_name(import))
}

/// Parameters and results of the WASI function with this name, in the letters of
/// [`abi::wasi::FUNCTIONS`].
fn wasi_type(import: ImportName) -> Option<(String, String)> {
    let (module, name, params, results) = abi::wasi::THREAD_SPAWN;
    if (import.module, import.name) == (module, name) {
        return Some((params.to_owned(), results.to_owned()));
    }
    let function = wasi_function(import)?;
    Some((function.parameters.to_owned(), function.result.to_owned()))
}

fn letters(ty: &FuncType) -> (String, String) {
    let letter = |ty: &ValType| match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'l',
        _ => '?',
    };
    (ty.params().iter().map(letter).collect(), ty.results().iter().map(letter).collect())
}

/// The C symbol of an import: that which the user chose, else `foo` for `env.foo`, `module_foo` for
/// any other module; what a C identifier can't hold is escaped.
pub fn symbol(linkage: &Linkage, import: ImportName) -> String {
    if let Some(chosen) = linkage.symbols.get(&full_name(import)) {
        return chosen.clone();
    }
    match import.module {
        "env" => identifier(import.name),
        module => identifier(&format!("{module}_{}", import.name)),
    }
}

/// `module.name`, as users write it.
pub fn full_name(import: ImportName) -> String {
    format!("{}.{}", import.module, import.name)
}

/// `text` as a C identifier: other bytes than letters, digits and `_` are written `_xHH`, and so is
/// a leading digit.
pub fn identifier(text: &str) -> String {
    let mut result = String::new();
    for (index, byte) in text.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || byte == b'_' || (index > 0 && byte.is_ascii_digit()) {
            result.push(char::from(byte));
        } else {
            write!(result, "_x{byte:02x}").expect("a string takes everything");
        }
    }
    if result.is_empty() { "_".to_owned() } else { result }
}

struct Namer<'l, 'a> {
    linkage: &'l Linkage,
    taken: HashMap<String, (ImportName<'a>, String)>,
}

impl<'a> Namer<'_, 'a> {
    fn name(&mut self, import: ImportName<'a>, ty: String) -> Result<String> {
        let symbol = symbol(self.linkage, import);
        if let Some((other, other_ty)) = self.taken.get(&symbol) {
            let same = (other.module, other.name) == (import.module, import.name);
            if !same {
                bail!(
                    "imports {} and {} both become the symbol `{symbol}`\nhelp: \
                     --import-symbol 'module.name=SYMBOL' gives one of them another",
                    describe_name(*other),
                    describe_name(import)
                );
            }
            if *other_ty != ty {
                bail!("import {} has two types: {other_ty} and {ty}", describe_name(import));
            }
        }
        self.taken.insert(symbol.clone(), (import, ty));
        Ok(symbol)
    }

    /// The name of an import; none for a definition, and an empty one, which is never used, for
    /// what another module defines.
    fn maybe(
        &mut self,
        import: Option<ImportName<'a>>,
        linked: bool,
        ty: impl Fn() -> String,
    ) -> Result<Option<String>> {
        import.map(|import| if linked { Ok(String::new()) } else { self.name(import, ty()) }).transpose()
    }
}
