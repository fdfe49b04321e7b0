//! The C interface of a library: which symbols its host may use, and what each is.
//!
//! Every export is `PREFIX_NAME`, or a function may keep its own name. Beside them there are
//! functions of the library's own: `PREFIX_init`, `PREFIX_configure`, `PREFIX_reset`, those that
//! make instances, that interrupt and that hold references, if there are any, and for each memory
//! that a host may see one for its base, one for its size, and one that lets it grow. An export
//! that would get the name of one of those is `PREFIX_export_NAME`.
//!
//! Different exports get different symbols: `escape` is injective, and so is what `Own::name`
//! adds. Only functions that keep their own names can meet what is `PREFIX_NAME`, which is an
//! error.

use super::imports::{self, identifier};
use crate::abi;
use crate::options::Options;
use crate::resolve::{self, Linkage};
use crate::wasm::describe::describe_name;
use crate::wasm::{EntityIndex, FuncIndex, GlobalIndex, MemoryIndex, Module, TableIndex, TagIndex, structure};
use anyhow::{Result, bail};
use std::collections::HashMap;
use std::fmt::Write as _;
use wasmparser::ValType;

/// Functions that a module exports for whoever runs it as a program.
const OF_PROGRAMS: [&str; 3] = ["main", "_start", "_initialize"];

/// How exports become symbols.
#[derive(Copy, Clone, Debug)]
pub struct Naming<'n> {
    pub prefix: &'n str,
    /// Functions keep their names where C can spell them, except for names that programs begin
    /// with.
    pub own_names: bool,
    /// There are functions that make instances and give them back.
    pub instances: bool,
    /// The library has functions that interrupt it.
    pub interruptible: bool,
}

impl<'n> Naming<'n> {
    /// As the user has it.
    pub fn of(prefix: &'n str, options: &Options) -> Naming<'n> {
        let Options { own_names, instances, interruptible, .. } = *options;
        Naming { prefix, own_names, instances, interruptible }
    }
}

/// Something that a host may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'a> {
    pub symbol: String,
    /// Name of the export; none for what the library adds.
    pub export: Option<&'a str>,
    pub kind: ItemKind,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `PREFIX_instance *PREFIX_new(const w2n_config *config)`, of a library with instances
    New,
    /// `void PREFIX_free(PREFIX_instance *instance)`, of a library with instances
    Free,
    /// `int PREFIX_init(void)`
    Init,
    /// `int PREFIX_configure(const w2n_config *config)`
    Configure,
    /// `int PREFIX_reset(void)`
    Reset,
    /// `int PREFIX_interrupt(void)`
    Interrupt,
    /// `int PREFIX_cancel_interrupt(void)`
    CancelInterrupt,
    /// `void *PREFIX_memory(void)`
    MemoryBase(MemoryIndex),
    /// `size_t PREFIX_memory_size(void)`
    MemorySize(MemoryIndex),
    /// `int64_t PREFIX_memory_grow(uint64_t pages)`
    MemoryGrowth(MemoryIndex),
    /// `w2n_handle PREFIX_ref_new(w2n_anyref reference)`, of a library that a host may hold
    /// references of
    RefNew,
    /// `w2n_anyref PREFIX_ref_get(w2n_handle handle)`
    RefGet,
    /// `void PREFIX_ref_drop(w2n_handle handle)`
    RefDrop,
    Function(FuncIndex),
    Global(GlobalIndex),
    Table(TableIndex),
    Tag(TagIndex),
}

/// The interface of a module as a library: first what is its own, then its exports in their order.
///
/// # Errors
/// When two exports would get the same symbol, or when no C name can begin with the prefix.
pub fn interface<'a>(module: &Module<'a>, naming: Naming) -> Result<Vec<Item<'a>>> {
    let Naming { prefix, own_names, instances, interruptible } = naming;
    check_prefix(prefix)?;
    let symbol = |name: &str| format!("{prefix}_{name}");
    let mut own = Own::default();
    let mut items = Vec::new();
    let mut add = |name, kind| items.push(Item { symbol: symbol(&own.add(name)), export: None, kind });
    if instances {
        add("new", ItemKind::New);
        add("free", ItemKind::Free);
    }
    add("init", ItemKind::Init);
    add("configure", ItemKind::Configure);
    add("reset", ItemKind::Reset);
    if interruptible {
        add("interrupt", ItemKind::Interrupt);
        add("cancel_interrupt", ItemKind::CancelInterrupt);
    }
    if has_objects(module) {
        add("ref_new", ItemKind::RefNew);
        add("ref_get", ItemKind::RefGet);
        add("ref_drop", ItemKind::RefDrop);
    }
    if instances {
        // The type.
        own.add("instance");
    }
    for (name, export, memory) in memories(module) {
        let [base, size, growth] = own.add_memory(&escape(name));
        items.push(Item { symbol: symbol(&base), export, kind: ItemKind::MemoryBase(memory) });
        items.push(Item { symbol: symbol(&size), export, kind: ItemKind::MemorySize(memory) });
        items.push(Item { symbol: symbol(&growth), export, kind: ItemKind::MemoryGrowth(memory) });
    }
    for export in &module.exports {
        let kind = match export.entity {
            EntityIndex::Function(func) => ItemKind::Function(func),
            EntityIndex::Global(global) => ItemKind::Global(global),
            EntityIndex::Table(table) => ItemKind::Table(table),
            EntityIndex::Tag(tag) => ItemKind::Tag(tag),
            EntityIndex::Memory(_) => continue,
        };
        let mut symbol = symbol(&own.name(escape(export.name)));
        let is_function = matches!(kind, ItemKind::Function(_)) && !OF_PROGRAMS.contains(&export.name);
        if own_names && is_function && identifier(export.name) == export.name {
            symbol = export.name.to_owned();
        }
        items.push(Item { symbol, export: Some(export.name), kind });
    }
    check(&items)?;
    Ok(items)
}

/// Whether references of the hierarchies `any` and `exn` reach a host: by exports, or by functions
/// that it defines.
fn has_objects(module: &Module) -> bool {
    let is_object = |ty: &ValType| matches!(ty, ValType::Ref(ty) if structure::is_object(module, *ty));
    let has = |entity| match entity {
        EntityIndex::Function(func) => {
            let ty = module.function_type(func);
            ty.params().iter().chain(ty.results()).any(is_object)
        }
        EntityIndex::Global(global) => is_object(&module.globals[global].ty.content_type),
        _ => false,
    };
    module.exports.iter().any(|export| has(export.entity)) || resolve::imports(module).any(|(_, entity)| has(entity))
}

/// The memories that a host may see: those that are exported, and under the name `memory` the first
/// if none has that name.
fn memories<'a>(module: &Module<'a>) -> Vec<(&'a str, Option<&'a str>, MemoryIndex)> {
    let exported = module.exports.iter().filter_map(|export| match export.entity {
        EntityIndex::Memory(memory) => Some((export.name, Some(export.name), memory)),
        _ => None,
    });
    let mut memories: Vec<_> = exported.collect();
    if !memories.iter().any(|(name, ..)| *name == "memory")
        && let Some(first) = memories.first().map(|(.., memory)| *memory).or(module.memories.keys().next())
    {
        memories.insert(0, ("memory", None, first));
    }
    memories
}

fn check(items: &[Item]) -> Result<()> {
    let mut taken: HashMap<&str, Option<&str>> = HashMap::new();
    for item in items {
        if let Some(other) = taken.insert(&item.symbol, item.export) {
            let describe = |export: Option<&str>| {
                export.map_or("of the library".to_owned(), |name| format!("`{}`", name.escape_debug()))
            };
            bail!("exports {} and {} both become the symbol `{}`", describe(other), describe(item.export), item.symbol);
        }
    }
    Ok(())
}

/// The prefix is the beginning of an identifier of C, and of none of the runtime.
fn check_prefix(prefix: &str) -> Result<()> {
    if identifier(prefix) != prefix {
        bail!("the prefix `{}` is not a C identifier; choose another with --prefix NAME", prefix.escape_debug());
    }
    if prefix == "w2n" || prefix.starts_with("w2n_") || abi::wasi::MODULES.contains(&prefix) {
        bail!("names with the prefix `{prefix}` are the runtime's own; choose another with --prefix NAME");
    }
    Ok(())
}

/// An import under the name of an export would be that export, and call itself.
///
/// # Errors
/// When there is one.
pub fn check_imports(items: &[Item], module: &Module, linkage: &Linkage) -> Result<()> {
    // A memory that is imported is the library's own, and has no symbol.
    let has_symbol = |entity: &EntityIndex| !matches!(entity, EntityIndex::Memory(_));
    for (import, _) in resolve::imports(module).filter(|(_, entity)| has_symbol(entity)) {
        let symbol = imports::symbol(linkage, import);
        if let Some(item) = items.iter().find(|item| item.symbol == symbol) {
            let import = describe_name(import);
            let export = item
                .export
                .map_or("a function of the library".to_owned(), |it| format!("export `{}`", it.escape_debug()));
            bail!(
                "import {import} and {export} both become the symbol `{symbol}`\nhelp: --prefix gives exports other symbols, \
                 --import-symbol the import"
            );
        }
    }
    Ok(())
}

/// What makes an export's symbol differ from those of the library's own.
const MARK: &str = "export_";

/// The names of the library's own functions, without the prefix.
#[derive(Default)]
struct Own(Vec<String>);

impl Own {
    fn add(&mut self, name: &str) -> String {
        self.0.push(name.to_owned());
        name.to_owned()
    }

    /// Adds the functions of a memory, which the names of other memories may look like: base, size
    /// and growth.
    fn add_memory(&mut self, name: &str) -> [String; 3] {
        let mut names = ["", "_size", "_grow"].map(|end| format!("{name}{end}"));
        while names.iter().any(|name| self.0.contains(name)) {
            names = names.map(|name| format!("{MARK}{name}"));
        }
        names.map(|name| self.add(&name))
    }

    /// The name of an export. It is marked if it is one of ours without its marks; and more often
    /// than any of ours, so that a marked name is neither one of ours nor the name of another
    /// export.
    fn name(&self, name: String) -> String {
        let most = self.0.iter().map(|own| unmarked(own).1).max().unwrap_or(0);
        match self.0.iter().any(|own| unmarked(own).0 == unmarked(&name).0) {
            true => format!("{}{name}", MARK.repeat(most.saturating_add(1))),
            false => name,
        }
    }
}

/// A name without its marks, and how many there are.
fn unmarked(name: &str) -> (&str, usize) {
    let mut rest = name;
    let mut n_marks = 0usize;
    while let Some(inner) = rest.strip_prefix(MARK) {
        (rest, n_marks) = (inner, n_marks.saturating_add(1));
    }
    (rest, n_marks)
}

/// A name in characters of C identifiers, as it follows a prefix: other bytes than
/// letters, digits and `_` are `_xHH`. Where the name itself holds what looks like an escape, the
/// `_` of that is escaped, so that different names stay different.
fn escape(name: &str) -> String {
    let mut result = String::new();
    for (index, byte) in name.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || byte == b'_' && !begins_with_escape(&name.as_bytes()[index..]);
        match is_plain {
            true => result.push(char::from(byte)),
            false => write!(result, "_x{byte:02x}").expect("a string takes everything"),
        }
    }
    result
}

/// Whether text begins with what [`escape`] makes of a character. `_x86` is not an escape: no
/// character has that byte alone.
fn begins_with_escape(text: &[u8]) -> bool {
    let escaped = |text: &[u8]| match text {
        [b'_', b'x', digits @ ..] if digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) => {
            u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        }
        _ => None,
    };
    let bytes: Vec<u8> = text.chunks_exact(4).map_while(escaped).take(4).collect();
    (1..=bytes.len())
        .find_map(|length| std::str::from_utf8(&bytes[..length]).ok())
        .is_some_and(|character| !character.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn escapes_are_told_from_names() {
        let cases = [
            ("add", "add"),
            ("", ""),
            ("!", "_x21"),
            ("_x21", "_x5fx21"),
            ("_x5fx21", "_x5fx5fx21"),
            ("_x_x21", "_x_x5fx21"),
            ("__x21", "__x5fx21"),
            ("ü", "_xc3_xbc"),
            ("_xc3_xbc", "_x5fxc3_xbc"),
            ("_xc3ü", "_xc3_xc3_xbc"),
            ("cpu_x86", "cpu_x86"),
            ("sk_x509", "sk_x509"),
            ("_x2A", "_x2A"),
            ("_x+1", "_x_x2b1"),
            ("7", "7"),
        ];
        for (name, escaped) in cases {
            assert_eq!(escape(name), escaped, "{name:?}");
        }
    }

    /// All names of up to five pieces that escapes are made of, and that could be taken for one.
    #[test]
    fn different_names_stay_different() {
        let pieces = ["_", "x", "2", "1", "5f", "c3", "bc", "!", "ü", "é"];
        let mut names = vec![String::new()];
        let mut known: HashMap<String, String> = HashMap::new();
        for _ in 0..5 {
            names = names.iter().flat_map(|name| pieces.map(|piece| format!("{name}{piece}"))).collect();
            names.sort();
            names.dedup();
            for name in &names {
                if let Some(other) = known.insert(escape(name), name.clone()) {
                    assert_eq!(other, *name, "{}", escape(name));
                }
            }
        }
    }

    #[test]
    fn names_of_our_own_are_told_from_exports() {
        let mut own = Own::default();
        own.add("init");
        assert_eq!(own.add_memory("a"), ["a", "a_size", "a_grow"]);
        assert_eq!(own.name("init".to_owned()), "export_init");
        assert_eq!(own.name("export_init".to_owned()), "export_export_init");
        assert_eq!(own.name("export_b".to_owned()), "export_b");
        assert_eq!(own.add_memory("a_size"), ["export_a_size", "export_a_size_size", "export_a_size_grow"]);
        assert_eq!(own.name("a_size".to_owned()), "export_export_a_size");
        assert_eq!(own.name("export_a_size".to_owned()), "export_export_export_a_size");
        assert_eq!(own.name("size".to_owned()), "size");
    }
}
