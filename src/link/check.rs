//! Who defines what the modules import and what the user's objects need, found out as a linker
//! does, before one runs.
//!
//! Objects are part of the program from the start, members of archives when something needs them.
//! The order is that of the command line, then the C library. The runtime's own symbols belong to
//! nobody else.

use super::native::{Kind, Native, Natives};
use super::runtime::Runtime;
use super::suggest;
use super::symbols::{Definition, ObjectSymbols, SymbolKind};
use crate::object::conventions::{GENERATOR, ONE_GENERATOR};
use crate::report::Coded;
use crate::report::code::Code;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Who defines a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definer {
    /// One of the user's files: its name.
    Native(String),
    CLibrary,
}

impl std::fmt::Display for Definer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Definer::Native(name) => f.write_str(name),
            Definer::CLibrary => f.write_str("the C library"),
        }
    }
}

/// A symbol that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub definer: Definer,
    pub kind: SymbolKind,
    /// In bytes.
    pub size: u64,
}

/// What is known once everything has been looked at.
#[derive(Default)]
pub struct Resolution {
    found: HashMap<String, Found>,
    /// The program is linked with C that this program or the system brings.
    pub uses_c: bool,
    /// What was there to be found, for suggestions.
    names: Vec<(String, SymbolKind)>,
    /// Which inputs were searched.
    pub searched: Vec<String>,
    /// Not all definitions can be seen: what was not found may be there nevertheless.
    pub is_opaque: bool,
}

impl Resolution {
    pub fn find(&self, symbol: &str) -> Option<&Found> {
        self.found.get(symbol)
    }

    /// Whether something of that name was there, though no import asked for it.
    pub fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|(other, _)| other == name)
    }

    /// A name that there is, of a function or of data, near to one that there is not.
    pub fn suggest(&self, symbol: &str, function: bool) -> Option<&str> {
        let fits = |kind: &SymbolKind| (*kind == SymbolKind::Function) == function;
        suggest::nearest(symbol, self.names.iter().filter(|(_, kind)| fits(kind)).map(|(name, _)| &name[..]))
    }
}

/// What belongs to the program's beginning and end.
const FRAME: [&str; 4] = ["main", "_start", "_init", "_fini"];

/// Whether a symbol is the runtime's or the program's own, so that no import can have it.
pub fn is_reserved(symbol: &str) -> bool {
    let prefixes = ["w2n_", "w2n.", "wasi_snapshot_preview1_", "wasi_unstable_"];
    prefixes.iter().any(|prefix| symbol.starts_with(prefix)) || FRAME.contains(&symbol)
}

/// Looks for `wanted`, and for what the user's objects need.
///
/// # Errors
/// Symbols that two objects define, that objects need and nothing defines, or that are the
/// runtime's; objects that need a fixed address.
pub fn resolve(wanted: &[&str], natives: &Natives, runtime: &Runtime) -> Result<Resolution> {
    resolve_in_library(wanted, natives, runtime, &[])
}

/// As [`resolve`], in a library that defines `own` symbols for its host, which its objects may use.
///
/// # Errors
/// As [`resolve`]. The library's symbols are nobody else's either.
pub fn resolve_in_library(wanted: &[&str], natives: &Natives, runtime: &Runtime, own: &[&str]) -> Result<Resolution> {
    if wanted.is_empty() && natives.files.is_empty() {
        return Ok(Resolution::default());
    }
    let c_library = natives.c_library(runtime)?;
    // The user's objects may come from this program, too, and then have symbols of such names that
    // the runtime does not have.
    let mut runtime: HashSet<String> =
        if natives.files.is_empty() { HashSet::new() } else { runtime.functions()?.into_iter().collect() };
    runtime.extend(own.iter().map(|symbol| (*symbol).to_owned()));
    let mut search = Search::new(natives, &c_library, &runtime);
    natives.files.iter().filter(|file| file.kind == Kind::Object).for_each(|file| search.load(&file.objects[0]));
    let is_free = |symbol: &&&str| !is_reserved(symbol) || natives.replaces(symbol);
    wanted.iter().filter(is_free).for_each(|symbol| search.want(symbol, None));
    search.run();
    search.complain()?;
    Ok(search.finish(wanted))
}

struct Search<'a> {
    natives: &'a Natives,
    c_library: &'a HashMap<String, (SymbolKind, u64)>,
    runtime: &'a HashSet<String>,
    /// Members of archives and shared libraries by what they define: the first counts.
    available: HashMap<&'a str, (&'a ObjectSymbols, &'a Definition, Kind)>,
    /// By their addresses: names may be the same.
    loaded: HashSet<*const ObjectSymbols>,
    defined: HashMap<&'a str, (&'a ObjectSymbols, &'a Definition)>,
    /// What to look for, and the object that needs it.
    queue: Vec<(String, Option<&'a str>)>,
    seen: HashSet<String>,
    uses_c: bool,
    /// Symbols that nothing defines, and the objects that need them.
    missing: BTreeMap<String, Vec<&'a str>>,
    twice: Vec<String>,
    reserved: Vec<String>,
    fixed: Vec<String>,
}

impl<'a> Search<'a> {
    fn new(
        natives: &'a Natives,
        c_library: &'a HashMap<String, (SymbolKind, u64)>,
        runtime: &'a HashSet<String>,
    ) -> Search<'a> {
        let mut available = HashMap::new();
        let is_lazy = |file: &&Native| file.kind != Kind::Object;
        for file in natives.files.iter().filter(is_lazy) {
            for object in &file.objects {
                for definition in &object.defined {
                    available.entry(&definition.name[..]).or_insert((object, definition, file.kind));
                }
            }
        }
        Search {
            natives,
            c_library,
            runtime,
            available,
            loaded: HashSet::new(),
            defined: HashMap::new(),
            queue: Vec::new(),
            seen: HashSet::new(),
            uses_c: false,
            missing: BTreeMap::new(),
            twice: Vec::new(),
            reserved: Vec::new(),
            fixed: Vec::new(),
        }
    }

    fn want(&mut self, symbol: &str, by: Option<&'a str>) {
        self.queue.push((symbol.to_owned(), by));
    }

    /// Makes an object part of the program.
    fn load(&mut self, object: &'a ObjectSymbols) {
        if !self.loaded.insert(std::ptr::from_ref(object)) {
            return;
        }
        if let Some((relocation, section)) = object.fixed_address.as_ref().filter(|_| self.natives.compiler.is_none()) {
            self.fixed.push(format!("{}: relocation {relocation} in {section}", object.name));
        }
        for definition in &object.defined {
            let is_runtimes = self.runtime.contains(&definition.name) && !self.natives.replaces(&definition.name);
            if is_runtimes || FRAME.contains(&&definition.name[..]) {
                self.reserved.push(format!("`{}` in {}", definition.name, object.name));
                continue;
            }
            match self.defined.get(&definition.name[..]) {
                Some((other, first)) if !first.weak && !definition.weak && !is_mark(&definition.name) => {
                    self.twice.push(format!("`{}` in {} and in {}", definition.name, other.name, object.name));
                }
                Some((_, first)) if !first.weak || definition.weak => {}
                _ => {
                    self.defined.insert(&definition.name, (object, definition));
                }
            }
        }
        for symbol in &object.undefined {
            self.want(symbol, Some(&object.name));
        }
    }

    fn run(&mut self) {
        while let Some((symbol, by)) = self.queue.pop() {
            let is_known = self.defined.contains_key(&symbol[..]) || is_linkers(&symbol);
            let is_runtime = by.is_some() && self.runtime.contains(&symbol);
            if is_known || is_runtime {
                continue;
            }
            match self.available.get(&symbol[..]) {
                Some(&(object, _, Kind::Archive)) => self.load(object),
                Some(_) => {}
                None if self.c_library.contains_key(&symbol) => self.uses_c = true,
                None => self.missing.entry(symbol.clone()).or_default().extend(by),
            }
            self.seen.insert(symbol);
        }
    }

    fn complain(&self) -> Result<()> {
        if !self.fixed.is_empty() {
            bail!(
                "objects that are made for a program at a fixed address:\n  {}\nhelp: compile them with -fPIC or -fPIE, or link with \
                 --linker 'cc -no-pie'",
                self.fixed.join("\n  ")
            );
        }
        if !self.reserved.is_empty() {
            bail!(
                "symbols that only the runtime may define:\n  {}\nhelp: rename them; a program begins with the module's `_start` or \
                 `main`, not with C's",
                self.reserved.join("\n  ")
            );
        }
        if !self.twice.is_empty() {
            bail!("symbols that are defined twice:\n  {}", self.twice.join("\n  "));
        }
        let needed = |(symbol, by): (&String, &Vec<&str>)| {
            let names = self.defined.keys().copied().chain(self.c_library.keys().map(String::as_str));
            let hint = suggest::nearest(symbol, names).map(|near| format!(" (did you mean `{near}`?)"));
            (!by.is_empty()).then(|| format!("`{symbol}`, needed by {}{}", list(by), hint.unwrap_or_default()))
        };
        let missing: Vec<_> = self.missing.iter().filter_map(needed).collect();
        // A compiler links libraries that no one names.
        if !missing.is_empty() && self.natives.compiler.is_none() {
            bail!(Coded::new(
                Code::UndefinedSymbol,
                format!(
                    "nothing defines what objects need:\n  {}\nsearched: {}\nhelp: add the object or the archive that does, or \
                     -lNAME for a library",
                    missing.join("\n  "),
                    self.searched().join(", ")
                )
            ));
        }
        Ok(())
    }

    fn searched(&self) -> Vec<String> {
        let files = self.natives.files.iter().map(|file| file.name.clone());
        files.chain([Definer::CLibrary.to_string()]).collect()
    }

    fn finish(self, wanted: &[&str]) -> Resolution {
        let mut resolution = Resolution {
            uses_c: self.uses_c || !self.natives.files.is_empty(),
            searched: self.searched(),
            is_opaque: self.natives.is_opaque(),
            ..Resolution::default()
        };
        let is_free = |symbol: &&&str| !is_reserved(symbol) || self.natives.replaces(symbol);
        for symbol in wanted.iter().filter(is_free) {
            let native = self.defined.get(symbol).map(|(object, definition)| (&object.name, *definition));
            let lazy = || self.available.get(symbol).map(|(object, definition, _)| (&object.name, *definition));
            let found = match (native.or_else(lazy), self.c_library.get(*symbol)) {
                (Some((name, it)), _) => Found { definer: Definer::Native(name.clone()), kind: it.kind, size: it.size },
                (None, Some(&(kind, size))) => Found { definer: Definer::CLibrary, kind, size },
                (None, None) => continue,
            };
            resolution.found.insert((*symbol).to_owned(), found);
        }
        let is_missing = wanted.iter().any(|symbol| !resolution.found.contains_key(*symbol));
        if is_missing {
            let defined = self.defined.values().map(|(_, it)| (it.name.clone(), it.kind));
            let available = self.available.values().map(|(_, it, _)| (it.name.clone(), it.kind));
            let library = self.c_library.iter().map(|(name, (kind, _))| (name.clone(), *kind));
            resolution.names = defined.chain(available).chain(library).collect();
        }
        resolution
    }
}

/// Objects may define it twice: see [`super::conventions`].
fn is_mark(symbol: &str) -> bool {
    symbol.ends_with(ONE_GENERATOR) || symbol.contains(GENERATOR)
}

/// The first few of a list.
fn list(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    match names.len() {
        0..=SHOWN => names.join(", "),
        more => format!("{} and {} more", names[..SHOWN].join(", "), more.saturating_sub(SHOWN)),
    }
}

/// Whether linkers define a symbol where something asks for it, or change the code that does:
/// static programs have no `__tls_get_addr`.
fn is_linkers(symbol: &str) -> bool {
    const NAMES: [&str; 25] = [
        "_GLOBAL_OFFSET_TABLE_",
        "__tls_get_addr",
        "_DYNAMIC",
        "__ehdr_start",
        "__executable_start",
        "__dso_handle",
        "__TMC_END__",
        "__bss_start",
        "_edata",
        "edata",
        "_etext",
        "etext",
        "__etext",
        "_end",
        "end",
        "__data_start",
        "data_start",
        "__init_array_start",
        "__init_array_end",
        "__fini_array_start",
        "__fini_array_end",
        "__preinit_array_start",
        "__preinit_array_end",
        "__rela_iplt_start",
        "__rela_iplt_end",
    ];
    NAMES.contains(&symbol) || symbol.starts_with("__start_") || symbol.starts_with("__stop_")
}
