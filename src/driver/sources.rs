//! Whether C sources beside a module define what it imports with the types of the imports.
//!
//! The linker knows names only. So each source that defines imports is read a second time by the
//! compiler, after prototypes of these imports, with which another type does not compile. An import
//! that is declared (`--import`) is what its declaration says, which may be any pointer in C: it
//! has no prototype here.

use crate::foreign::Foreign;
use crate::header::prototype;
use crate::link::check::{Definer, Resolution};
use crate::link::compiler::Compiler;
use crate::link::native::{Native, Natives};
use crate::object::imports::OpenImport;
use crate::options::LinkOptions;
use crate::wasm::{EntityIndex, Module};
use anyhow::{Context, Result, bail};
use std::path::Path;

/// What a source is read after: types by the compiler's own names, as its headers must not be read
/// before what the source defines for them.
const TYPES: &str = "#define int32_t __INT32_TYPE__\n#define int64_t __INT64_TYPE__\n\
    typedef long long w2n_v128 __attribute__((__vector_size__(16), __may_alias__));\n\
    typedef void *w2n_funcref, *w2n_exnref, *w2n_externref;\n";
const END_OF_TYPES: &str = "#undef int32_t\n#undef int64_t\n";

/// C has two types of 64 bits, and numbers without a sign, which Wasm does not tell from others.
const VARIANTS: [&str; 4] = [
    "",
    "#define unsigned signed\n",
    "#undef __INT64_TYPE__\n#define __INT64_TYPE__ long long\n",
    "#undef __INT64_TYPE__\n#define __INT64_TYPE__ long long\n#define unsigned signed\n",
];

/// Reads the C sources that define imports of a module.
///
/// # Errors
/// What the compiler says of a function or variable with another type.
pub fn check(
    (module, foreign): (&Module, &Foreign),
    open: &[OpenImport],
    resolution: &Resolution,
    natives: &Natives,
    options: &LinkOptions,
) -> Result<()> {
    for file in natives.files.iter().filter(|file| is_c_source(file)) {
        let is_defined = |import: &&OpenImport| {
            resolution.find(&import.symbol).is_some_and(|it| it.definer == Definer::Native(file.name.clone()))
        };
        let defined = open.iter().filter(is_defined);
        let prototypes = defined.filter_map(|it| Some((&*it.symbol, prototype_of(module, foreign, it)?)));
        let prototypes: Vec<(&str, String)> = prototypes.collect();
        if !prototypes.is_empty() {
            let compiler = Compiler::find(options.linker.as_deref(), "a C source", natives.target)?;
            let path = Path::new(&file.name);
            read(&compiler, path, &options.source_flags, &prototypes).context(file.name.clone())?;
        }
    }
    Ok(())
}

/// Whether a file was compiled here from C.
fn is_c_source(file: &Native) -> bool {
    let ending = Path::new(&file.name).extension().and_then(|it| it.to_str());
    file.path.is_none() && matches!(ending, Some("c" | "i"))
}

fn prototype_of(module: &Module, foreign: &Foreign, import: &OpenImport) -> Option<String> {
    match import.entity {
        EntityIndex::Function(func) if foreign.function(func).is_some() => None,
        EntityIndex::Function(_) | EntityIndex::Global(_) => {
            Some(prototype::of_entity(module, import.entity, &import.symbol, import.has_data) + "\n")
        }
        EntityIndex::Table(_) | EntityIndex::Memory(_) | EntityIndex::Tag(_) => None,
    }
}

/// Reads a source after prototypes of symbols.
fn read(compiler: &Compiler, source: &Path, flags: &[String], prototypes: &[(&str, String)]) -> Result<()> {
    let names: Vec<_> = prototypes.iter().map(|(symbol, _)| format!("'{symbol}'")).collect();
    let prototypes: String = prototypes.iter().map(|(_, prototype)| &prototype[..]).collect();
    let mut first = None;
    for variant in VARIANTS {
        let before = format!("{variant}{TYPES}{prototypes}{END_OF_TYPES}");
        let said = compiler.read_after(&before, source, flags)?;
        // Other errors come of reading the headers in another way: the source was compiled before.
        let is_conflict = |line: &&str| line.contains("error:") && names.iter().any(|name| line.contains(name));
        let conflicts: Vec<_> = said.lines().filter(is_conflict).map(str::to_owned).collect();
        if conflicts.is_empty() {
            return Ok(());
        }
        first.get_or_insert(conflicts);
    }
    let conflicts = first.unwrap_or_default().join("\n");
    bail!(
        "it defines an import of the module with another type:\n{conflicts}\nthe module imports:\n{}\n\
         help: --import 'MODULE.NAME: (…)' declares what a function takes where values are to be converted",
        prototypes.trim_end()
    )
}
