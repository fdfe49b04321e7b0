//! What an executable takes from outside of Wasm: C functions and data, and shims of the runtime.
//! Each import is looked up before the linker runs, so that what is missing is named as its author
//! knows it, and what the sandbox does not cover is said.

use super::hosts;
use super::plan::Taken;
use super::sources;
use crate::abi;
use crate::abi::shim::Shim;
use crate::foreign::{self, Foreign, prototypes};
use crate::link::check::{self, Definer, Found, Resolution};
use crate::link::native::Natives;
use crate::link::runtime::Runtime;
use crate::link::suggest;
use crate::link::symbols::SymbolKind;
use crate::object::imports::{self, OpenImport};
use crate::options::{LinkOptions, Options};
use crate::progress::Observer;
use crate::report::Coded;
use crate::report::code::Code;
use crate::resolve::Linked;
use crate::shims::{self, Shims};
use crate::unit::Analyzed;
use crate::wasm::describe::describe_name;
use crate::wasm::{EntityIndex, FuncIndex, ImportName, Module, value_size};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// How many imports a message lists.
const SHOWN_IMPORTS: usize = 20;

/// What the imports of all modules were found to be.
pub struct Outside {
    pub natives: Natives,
    /// The program is linked with C.
    pub uses_c: bool,
    pub taken: Taken,
    /// Of each module, the function imports that nothing defines, where that is allowed.
    pub undefined: Vec<BTreeSet<FuncIndex>>,
    /// Of each module, those that the runtime defines for its toolchain.
    pub shims: Vec<Shims>,
    /// Of each module, the functions of WASI whose calls are to be printed.
    pub traced: Vec<BTreeSet<FuncIndex>>,
}

/// Reads what the user links with, and looks up the imports of all modules there and in the C
/// library.
///
/// # Errors
/// With a line for each import that nothing defines or that is not what was found, or that the user
/// does not allow.
pub fn look_up(
    analyzed: &[Analyzed],
    runtime: &Runtime,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Outside> {
    let natives = Natives::read(&options.link, runtime.target)?;
    natives.warnings.iter().for_each(|warning| observer.warning(warning));
    natives.read.iter().for_each(|file| observer.reads(file));
    let mut open: Vec<Vec<OpenImport>> = analyzed.iter().map(|analyzed| open_imports(analyzed, &natives)).collect();
    let choose = |(analyzed, open)| choose_shims(analyzed, open, &natives, &options.link);
    let shims: Vec<Shims> = analyzed.iter().zip(&mut open).map(choose).collect();
    let wanted = open.iter().flatten().filter(|it| it.refusal.is_none()).map(|it| &it.symbol[..]);
    let resolution = check::resolve(&wanted.collect::<Vec<_>>(), &natives, runtime)?;
    let mut undefined = Vec::with_capacity(analyzed.len());
    let mut traced = Vec::with_capacity(analyzed.len());
    let mut taken = Taken::default();
    for (analyzed, open) in analyzed.iter().zip(&open) {
        let Linked { source, .. } = analyzed.linked;
        undefined.push(source.explain(look_up_module(analyzed, open, &resolution, options))?);
        let types = (analyzed.linked.module, &analyzed.foreign);
        sources::check(types, open, &resolution, &natives, &options.link)?;
        source.explain(allow(open, &resolution, &options.link))?;
        let wasi = wasi_functions(analyzed, open);
        let is_traced = |(func, _): &(FuncIndex, String)| options.trace.then_some(*func);
        traced.push(wasi.iter().filter_map(is_traced).collect());
        taken.wasi.extend(wasi.into_iter().map(|(_, name)| name));
    }
    let found = |it: &&OpenImport| resolution.find(&it.symbol).is_some();
    let names = |it: &OpenImport| [it.import.module.to_owned(), it.import.name.to_owned(), it.symbol.clone()];
    taken.foreign = open.iter().flatten().filter(found).map(names).collect();
    let shim_names = |it: &Shim| [it.module, it.name, it.symbol].map(str::to_owned);
    taken.foreign.extend(shims.iter().flat_map(Shims::iter).map(shim_names));
    taken.foreign.sort();
    taken.foreign.dedup();
    let functions = open.iter().flatten().filter(found).filter(|it| is_function(it));
    taken.functions = functions.map(|it| it.symbol.clone()).collect();
    if let Some(warning) = warning(open.iter().flatten(), &resolution, &options.link) {
        let lost = analyzed.iter().zip(&open);
        let lost = lost.flat_map(|(analyzed, open)| open.iter().filter(|it| is_address_lost(analyzed, it)));
        let lost: BTreeSet<&str> = lost.filter(|it| found(it)).map(|it| &it.symbol[..]).collect();
        let help = match lost.is_empty() {
            true => String::new(),
            false => format!(
                "\nhelp: --imports libc says which numbers are addresses of the module; C would take them for its own in {}",
                lost.into_iter().collect::<Vec<_>>().join(", ")
            ),
        };
        observer.warning(&format!("{warning}{help}"));
    }
    for name in options.link.import_symbols.iter().map(|(name, _)| name) {
        if !analyzed.iter().any(|it| imports_name(it.linked.module, name)) {
            observer.warning(&format!("--import-symbol {name}: no module imports that"));
        }
    }
    Ok(Outside { natives, uses_c: resolution.uses_c, taken, undefined, shims, traced })
}

/// Takes the imports that are shims out of those that the linker has to find. A symbol of the
/// user's files comes first; that of the C library, whose function does something else, does not.
/// With --no-shim such an import is refused.
fn choose_shims(analyzed: &Analyzed, open: &mut Vec<OpenImport>, natives: &Natives, options: &LinkOptions) -> Shims {
    let mut shims = Shims::default();
    open.retain_mut(|import| {
        let EntityIndex::Function(func) = import.entity else { return true };
        let Some(shim) = shim_of(analyzed.linked, &analyzed.foreign, func, import, natives) else { return true };
        if options.no_shim {
            import.refusal = Some("--no-shim refuses what the runtime has for it");
            return true;
        }
        shims.add(func, shim);
        false
    });
    shims
}

/// The shim for an import that the user has neither declared nor given a symbol or a definition.
pub fn shim_of(
    linked: &Linked,
    foreign: &Foreign,
    func: FuncIndex,
    import: &OpenImport,
    natives: &Natives,
) -> Option<&'static Shim> {
    let is_chosen = linked.linkage.symbols.contains_key(&imports::full_name(import.import));
    let is_users = is_chosen || foreign.function(func).is_some() || natives.defines(&import.symbol);
    shims::find(import.import, linked.module.function_type(func)).filter(|_| !is_users && import.refusal.is_none())
}

/// The symbols that the user chose, by import.
pub fn chosen_symbols(options: &Options) -> BTreeMap<String, String> {
    options.link.import_symbols.iter().cloned().collect()
}

/// What the unit's code can need of others. Functions that nothing calls ask for nothing.
fn open_imports<'a>(analyzed: &Analyzed<'a>, natives: &Natives) -> Vec<OpenImport<'a>> {
    let Analyzed { linked: Linked { module, linkage, .. }, foreign, facts } = analyzed;
    let is_needed = |open: &OpenImport| match open.entity {
        EntityIndex::Function(func) => open.refusal.is_some() || facts.reachable.contains(func),
        _ => true,
    };
    let mut open = imports::open(module, linkage, foreign, |symbol| natives.replaces(symbol));
    open.retain(is_needed);
    open
}

/// The function imports that nothing defines.
fn look_up_module(
    analyzed: &Analyzed,
    open: &[OpenImport],
    resolution: &Resolution,
    options: &Options,
) -> Result<BTreeSet<FuncIndex>> {
    let Analyzed { linked: Linked { module, .. }, foreign, .. } = analyzed;
    let mut undefined = BTreeSet::new();
    let mut missing = Vec::new();
    let mut wrong = Vec::new();
    // Those that are missing without being a mistake of a name.
    let mut unknown = Vec::new();
    for import in open {
        let found = resolution.find(&import.symbol);
        let problem = import.refusal.map(str::to_owned);
        let problem = problem.or_else(|| mismatch(module, import, found?));
        let problem = problem.or_else(|| other_function(module, foreign, import, found?));
        if let Some(problem) = problem {
            wrong.push(format!("{}: {problem}", import.description));
        } else if found.is_none() && !resolution.is_opaque {
            unknown.push(import.import);
            match import.entity {
                EntityIndex::Function(func) if options.link.allow_undefined => {
                    undefined.insert(func);
                }
                _ => missing.push(format!("{}{}", import.description, hint(import, resolution))),
            }
        }
    }
    if missing.is_empty() && wrong.is_empty() {
        return Ok(undefined);
    }
    let count = missing.len() + wrong.len();
    let lines: Vec<_> = missing.into_iter().chain(wrong).take(SHOWN_IMPORTS).collect();
    let more = if count > lines.len() { format!("\n  and {} more", count - lines.len()) } else { String::new() };
    let searched = match resolution.searched.is_empty() {
        true => String::new(),
        false => format!("\nsearched: {}", resolution.searched.join(", ")),
    };
    let host = hosts::recognize(unknown.iter().copied());
    let code = match host {
        Some(host) => host.code,
        None if unknown.is_empty() => Code::WrongImport,
        None => Code::MissingImport,
    };
    let help = host.map_or(
        "C functions come from the C library and from objects and libraries on the command line; all else from other modules, \
         with --module NAME=FILE",
        |host| host.help,
    );
    bail!(Coded::new(
        code,
        format!(
            "nothing defines what the module imports:\n  {}{more}{searched}\nhelp: {help}\nhelp: --allow-undefined makes a trap \
             of a call; -c makes an object with these as undefined symbols",
            lines.join("\n  ")
        )
    ))
}

/// Why a function of the C library is another than the one that is imported. A declaration says
/// that it is meant.
fn other_function(module: &Module, foreign: &Foreign, import: &OpenImport, found: &Found) -> Option<String> {
    let EntityIndex::Function(func) = import.entity else { return None };
    let is_undeclared = found.definer == Definer::CLibrary && foreign.function(func).is_none();
    let prototype = prototypes::find(&import.symbol).filter(|_| is_undeclared)?;
    let name = imports::full_name(import.import);
    let (name, symbol) = (name.escape_debug(), &import.symbol);
    (!prototype.fits(module.function_type(func))).then(|| {
        format!(
            "`{symbol}` of the C library is another function, of type {prototype}\n    \
             help: --import-symbol '{name}=SYMBOL' takes a function with another name; \
             --import '{name}: (…)' says that the C library's is meant, and what it takes"
        )
    })
}

/// What is wrong with a definition that has the right name.
fn mismatch(module: &Module, import: &OpenImport, found: &Found) -> Option<String> {
    let Found { definer, kind, size } = found;
    let symbol = &import.symbol;
    match (import.entity, kind) {
        (EntityIndex::Function(_), SymbolKind::Data | SymbolKind::ThreadLocal) => {
            Some(format!("`{symbol}` is data in {definer}, not a function"))
        }
        (EntityIndex::Global(_), SymbolKind::Function) => {
            Some(format!("`{symbol}` is a function in {definer}, not data"))
        }
        (EntityIndex::Global(_), SymbolKind::ThreadLocal) => {
            Some(format!("`{symbol}` is thread-local in {definer}, which a global can't be"))
        }
        (EntityIndex::Global(global), _) => {
            let bytes = value_size(module.globals[global].ty.content_type);
            let differs = *size != 0 && *size != bytes;
            differs.then(|| format!("`{symbol}` has {size} bytes in {definer}, and the global has {bytes}"))
        }
        _ => None,
    }
}

/// Whether C would take a number of the module's for an address, because no one declared the
/// function.
fn is_address_lost(analyzed: &Analyzed, import: &OpenImport) -> bool {
    match import.entity {
        EntityIndex::Function(func) if analyzed.foreign.function(func).is_none() => {
            foreign::check::is_address_lost(import.import, analyzed.linked.module.function_type(func))
        }
        _ => false,
    }
}

/// What was perhaps meant by a symbol that there is not.
fn hint(import: &OpenImport, resolution: &Resolution) -> String {
    let symbol = &import.symbol;
    if abi::wasi::MODULES.contains(&import.import.module) {
        let near = suggest::nearest(import.import.name, abi::wasi::FUNCTIONS.iter().map(|it| it.name));
        let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        return format!(": WASI preview 1 has no such function{near}");
    }
    if check::is_reserved(symbol) {
        return format!(": the symbol `{symbol}` is the runtime's own");
    }
    let name = imports::identifier(import.import.name);
    if import.import.module != "env" && resolution.has_name(&name) {
        let full = imports::full_name(import.import);
        return format!(
            ": its symbol is `{symbol}`; for `{name}`, use --import-symbol '{}={name}'",
            full.escape_debug()
        );
    }
    match resolution.suggest(symbol, is_function(import)) {
        Some(near) => format!(" (did you mean `{near}`?)"),
        None => String::new(),
    }
}

fn is_function(import: &OpenImport) -> bool {
    matches!(import.entity, EntityIndex::Function(_))
}

/// The functions of WASI that code calls which can be reached, with their names, and with their
/// module where that is not preview 1; without those that are `open`, because they are not the
/// runtime's.
pub fn wasi_functions(analyzed: &Analyzed, open: &[OpenImport]) -> Vec<(FuncIndex, String)> {
    let Analyzed { linked: Linked { module, linkage, .. }, foreign, facts } = analyzed;
    let is_called = |index| {
        linkage.function(index).is_none() && foreign.function(index).is_none() && facts.reachable.contains(index)
    };
    let is_open =
        |import: &ImportName| open.iter().any(|it| (it.import.module, it.import.name) == (import.module, import.name));
    let functions = module.functions.iter().filter(|(index, _)| is_called(*index));
    let imports = functions.filter_map(|(index, func)| Some((index, func.definition.import()?)));
    imports
        .filter(|(_, import)| imports::is_wasi(linkage, *import) && !is_open(import))
        .map(|(index, import)| match import.module == abi::wasi::MODULES[0] {
            true => (index, import.name.to_owned()),
            false => (index, imports::full_name(import)),
        })
        .collect()
}

fn imports_name(module: &Module, name: &str) -> bool {
    crate::resolve::imports(module).any(|(import, _)| imports::full_name(import) == name)
}

/// Once the user named what may be imported from C, nothing else may.
fn allow(open: &[OpenImport], resolution: &Resolution, options: &LinkOptions) -> Result<()> {
    if options.allowed_imports.is_empty() {
        return Ok(());
    }
    let is_refused = |it: &&OpenImport| resolution.find(&it.symbol).is_some() && !is_named(it, options);
    let refused: Vec<_> = open.iter().filter(is_refused).map(|it| describe_name(it.import)).collect();
    if refused.is_empty() {
        return Ok(());
    }
    bail!(Coded::new(
        Code::ImportNotAllowed,
        format!(
            "no --allow-import covers what the module imports from C:\n  {}\nhelp: --allow-import PATTERN allows more of them, for \
             instance --allow-import 'env.*'",
            refused.join("\n  ")
        )
    ))
}

/// Whether the user knows of the import: a pattern covers it, or it is declared.
fn is_named(import: &OpenImport, options: &LinkOptions) -> bool {
    let name = imports::full_name(import.import);
    let matches = |pattern: &String| glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(&name));
    import.declared || options.allowed_imports.iter().any(matches)
}

/// A line about functions and data of the C library that are used without anybody having named
/// them.
fn warning<'o>(
    open: impl Iterator<Item = &'o OpenImport<'o>>,
    resolution: &Resolution,
    options: &LinkOptions,
) -> Option<String> {
    let is_library =
        |it: &&OpenImport| resolution.find(&it.symbol).is_some_and(|found| found.definer == Definer::CLibrary);
    let mut names: Vec<_> =
        open.filter(is_library).filter(|it| !is_named(it, options)).map(|it| it.symbol.clone()).collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then(|| {
        format!(
            "uses of the C library are outside of the sandbox: {} (--allow-import PATTERN says which are meant)",
            names.join(", ")
        )
    })
}
