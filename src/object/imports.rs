//! The C symbols of imports: the naming rule of the execution model, and what an executable may import.

use crate::abi;
use crate::foreign::{Foreign, Function};
use crate::resolve::Linkage;
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
pub fn symbols(module: &Module, linkage: &Linkage, foreign: &Foreign) -> Result<ImportSymbols> {
    let mut names = Namer::default();
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
            let symbol = match foreign.function(index) {
                // Whoever names the symbol means it: several imports may be one C function.
                Some(Function { symbol: Some(symbol), .. }) => symbol.clone(),
                Some(_) => names.name(import, "declared function".to_owned())?,
                None => names.name(import, format!("function {}", describe_type(&module.types[func.ty])))?,
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
        symbols.tags.extend(names.maybe(tag.definition.import(), linked, || describe_tag(&module.types[tag.ty]))?);
    }
    Ok(symbols)
}

/// What an executable imports that nobody defines, one line each; empty if it can be linked.
pub fn undefined(
    module: &Module,
    linkage: &Linkage,
    foreign: &Foreign,
    is_reachable: impl Fn(FuncIndex) -> bool,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, func) in &module.functions {
        let Some(import) = func.definition.import().filter(|_| linkage.function(index).is_none()) else { continue };
        // The linker has the last word.
        if foreign.function(index).is_some() {
            continue;
        }
        let ty = &module.types[func.ty];
        match wasi_type(import) {
            Some(wasi) if wasi == letters(ty) => {}
            Some(_) => lines.push(format!(
                "function {} of type {}: WASI defines it with another type",
                describe_name(import),
                describe_type(ty)
            )),
            None if is_reachable(index) => {
                lines.push(format!("function {} of type {}", describe_name(import), describe_type(ty)));
            }
            // Nothing calls it.
            None => {}
        }
    }
    for (_, table) in module.tables.iter().filter(|(index, _)| linkage.table(*index).is_none()) {
        lines
            .extend(table.definition.import().map(|it| format!("{} {}", describe_table(&table.ty), describe_name(it))));
    }
    for (_, global) in module.globals.iter().filter(|(index, _)| linkage.global(*index).is_none()) {
        lines.extend(
            global.definition.import().map(|it| format!("{} {}", describe_global(&global.ty), describe_name(it))),
        );
    }
    for (_, tag) in module.tags.iter().filter(|(index, _)| linkage.tag(*index).is_none()) {
        let ty = describe_type(&module.types[tag.ty]);
        lines.extend(tag.definition.import().map(|it| format!("tag {} of type {ty}", describe_name(it))));
    }
    lines
}

/// Whether the import is a WASI function's name.
pub fn is_wasi(import: ImportName) -> bool {
    wasi_type(import).is_some()
}

/// Parameters and results of the WASI function with this name, in the letters of [`abi::WASI_FUNCTIONS`].
fn wasi_type(import: ImportName) -> Option<(String, String)> {
    let [preview1, unstable] = abi::WASI_MODULES;
    // Snapshot 0 is older than `sock_accept`.
    let known = import.module == preview1 || (import.module == unstable && import.name != "sock_accept");
    let (_, params, results) = abi::WASI_FUNCTIONS.iter().find(|(name, ..)| known && *name == import.name)?;
    Some((params.to_string(), results.to_string()))
}

fn letters(ty: &FuncType) -> (String, String) {
    let letter = |ty: &ValType| match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'l',
        _ => '?',
    };
    (ty.params().iter().map(letter).collect(), ty.results().iter().map(letter).collect())
}

/// The C symbol of an import: `env.foo` is `foo`, of any other module it is `module_foo`; what a C identifier can't hold
/// is escaped.
pub fn symbol(import: ImportName) -> String {
    match import.module {
        "env" => identifier(import.name),
        module => identifier(&format!("{module}_{}", import.name)),
    }
}

/// `text` as a C identifier: other bytes than letters, digits and `_` are written `_xHH`, and so is a leading digit.
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

#[derive(Default)]
struct Namer<'a> {
    taken: HashMap<String, (ImportName<'a>, String)>,
}

impl<'a> Namer<'a> {
    fn name(&mut self, import: ImportName<'a>, ty: String) -> Result<String> {
        let symbol = symbol(import);
        if let Some((other, other_ty)) = self.taken.get(&symbol) {
            let same = (other.module, other.name) == (import.module, import.name);
            if !same {
                bail!(
                    "imports {} and {} both become the symbol `{symbol}`",
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

    /// The name of an import; none for a definition, and an empty one, which nobody uses, for what another module defines.
    fn maybe(
        &mut self,
        import: Option<ImportName<'a>>,
        linked: bool,
        ty: impl Fn() -> String,
    ) -> Result<Option<String>> {
        import.map(|import| if linked { Ok(String::new()) } else { self.name(import, ty()) }).transpose()
    }
}
