//! The C++ wrapper: the C header, then the library as a class of C++17 that initializes it and
//! gives it back, with a member function for each export. A trap leaves Wasm as in C, and is thrown
//! from there; where exceptions are turned off, it is in the result.

use super::c::{self, CFunction};
use super::{Library, Parameter, rust_library, words};
use crate::object::interface::{Item, ItemKind};
use crate::wasm::{FuncIndex, GlobalIndex};
use std::collections::HashSet;
use wasmparser::ValType;

/// The file's text.
pub fn header(library: &Library) -> String {
    let class = rust_library::type_name(library.prefix);
    // A member of this name would be a constructor.
    let own = ["reset", "create", "unused", "state", "shared", "begin", "has_it_", &class];
    let mut names: HashSet<String> = own.map(str::to_owned).into();
    let mut members = String::new();
    for item in library.interface {
        if let Some(member) = member(library, item, &mut names) {
            members.push_str(&format!("\n  /* {} */\n{member}", library.describe(item)));
        }
    }
    let text = include_str!("cxx_library.hpp.in")
        .replace("@GUARD@", &format!("W2N_LIBRARY_{}_HPP", library.prefix))
        .replace("@TYPE@", &class)
        .replace("@INIT@", &own_symbol(library, ItemKind::Init))
        .replace("@CONFIGURE@", &own_symbol(library, ItemKind::Configure))
        .replace("@RESET@", &own_symbol(library, ItemKind::Reset))
        .replace("@METHODS@", &members);
    format!("{}\n{}{text}", c::header(library), include_str!("cxx_runtime.hpp.in"))
}

fn own_symbol(library: &Library, kind: ItemKind) -> String {
    let item = library.interface.iter().find(|item| item.kind == kind);
    c::c_name(&item.expect("every library has it").symbol)
}

/// The name of a member: the symbol's without the prefix, before `_` where it is taken, or may be a
/// macro's.
fn name_of(library: &Library, symbol: &str, before: &str, names: &mut HashSet<String>) -> String {
    let own = symbol.strip_prefix(library.prefix).and_then(|rest| rest.strip_prefix('_')).unwrap_or(symbol);
    let is_name = own.trim_start_matches('_').starts_with(|c: char| c.is_ascii_alphabetic());
    // Names that begin with an underscore can be the compiler's.
    let own = if before.is_empty() { own.trim_start_matches('_') } else { own };
    let mut name = format!("{before}{}{own}", if is_name { "" } else { "export_" });
    if words::is_taken_in_c(&name) {
        name.push('_');
    }
    while names.contains(&name) {
        name.push('_');
    }
    names.insert(name.clone());
    name
}

fn member(library: &Library, item: &Item, names: &mut HashSet<String>) -> Option<String> {
    let symbol = c::c_name(&item.symbol);
    let mut name = |before: &str| name_of(library, &item.symbol, before, names);
    Some(match item.kind {
        ItemKind::New
        | ItemKind::Free
        | ItemKind::Init
        | ItemKind::Configure
        | ItemKind::Reset
        | ItemKind::MemorySize(_) => return None,
        ItemKind::MemoryBase(memory) => {
            let is_size = |other: &&Item| other.kind == ItemKind::MemorySize(memory) && other.export == item.export;
            let size = &library.interface.iter().find(is_size).expect("a memory has a size").symbol;
            format!(
                "  wasm2native::span {}() const {{ return wasm2native::span(::{symbol}(), ::{}()); }}\n",
                name(""),
                c::c_name(size)
            )
        }
        ItemKind::Interrupt | ItemKind::CancelInterrupt => {
            format!(
                "  /* Any thread may call it, at any time. Whether the system did as it was asked. */\n  \
                 static bool {}() noexcept {{ return ::{symbol}() == 0; }}\n",
                name("")
            )
        }
        ItemKind::MemoryGrowth(_) => {
            format!("  std::int64_t {}(std::uint64_t pages) {{ return ::{symbol}(pages); }}\n", name(""))
        }
        ItemKind::RefNew => reference("w2n_handle", &symbol, &name(""), "w2n_anyref reference"),
        ItemKind::RefGet => reference("w2n_anyref", &symbol, &name(""), "w2n_handle handle"),
        ItemKind::RefDrop => reference("void", &symbol, &name(""), "w2n_handle handle"),
        ItemKind::Function(func) => function(library, item, func, &name("")),
        ItemKind::Global(global) => variable(library, &symbol, global, name)?,
        ItemKind::Table(_) | ItemKind::Tag(_) => return None,
    })
}

fn function(library: &Library, item: &Item, func: FuncIndex, name: &str) -> String {
    let ty = library.module.function_type(func);
    let symbol = c::c_name(&item.symbol);
    let is_taken = |name: &str| words::is_taken_in_c(name) || name == "result";
    let named = library.parameters(func, is_taken).into_iter().enumerate();
    let named = named.map(|(index, Parameter { ty, name })| (ty, name.map_or(format!("p{index}"), str::to_owned)));
    let named: Vec<_> = named.collect();
    let parameters: Vec<_> =
        named.iter().map(|(ty, name)| format!("{}{name}", c::type_name(library.module, *ty))).collect();
    let names = named.into_iter().map(|(_, name)| name);
    let (result, call) = match ty.results() {
        [] => ("void".to_owned(), format!("::{symbol}({});", list(names))),
        // A vector type would lose its attributes as an argument of a template.
        [ValType::V128] => {
            ("wasm2native::v128".to_owned(), format!("return wasm2native::v128{{::{symbol}({})}};", list(names)))
        }
        [result] => (
            c::type_name(library.module, *result).trim_end().to_owned(),
            format!("return ::{symbol}({});", list(names)),
        ),
        _ => {
            let structure = CFunction::structure(&format!("::{symbol}"));
            let call = format!("::{symbol}({});", list(["&result".to_owned()].into_iter().chain(names)));
            (structure.clone(), format!("{structure} result; {call} return result;"))
        }
    };
    let capture = if parameters.is_empty() { "[]" } else { "[=]" };
    format!(
        "  wasm2native::outcome<{result}> {name}({}) {{\n    return wasm2native::detail::call({capture} {{ {call} }});\n  }}\n",
        parameters.join(", ")
    )
}

/// A function of handles.
fn reference(result: &str, symbol: &str, name: &str, parameter: &str) -> String {
    let argument = parameter.rsplit(' ').next().unwrap_or_default();
    format!(
        "  wasm2native::outcome<{result}> {name}({parameter}) {{\n    \
         return wasm2native::detail::call([=] {{ return ::{symbol}({argument}); }});\n  }}\n"
    )
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn variable(
    library: &Library,
    symbol: &str,
    global: GlobalIndex,
    mut name: impl FnMut(&str) -> String,
) -> Option<String> {
    let global = &library.module.globals[global];
    global.definition.local()?;
    let ty = c::type_name(library.module, global.ty.content_type);
    let mut text = format!("  {ty}{}() const {{ return ::{symbol}; }}\n", name(""));
    if c::is_settable(library, &global.ty) {
        text.push_str(&format!("  void {}({ty}value) {{ ::{symbol} = value; }}\n", name("set_")));
    }
    Some(text)
}
