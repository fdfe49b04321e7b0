//! The library as a type of Rust: methods that return `Result`, memories as slices. What safe code
//! could use to break the library's own rules is left out, with a comment.

use super::{Library, Parameter, words};
use crate::object::interface::{Item, ItemKind};
use crate::wasm::{FuncIndex, GlobalIndex, Module, structure};
use std::collections::HashSet;
use wasmparser::ValType;

/// The type and its methods.
pub fn write(library: &Library) -> String {
    let own = ["new", "reset", "with_config"].map(str::to_owned);
    let mut names = Names(own.into());
    let mut methods = String::new();
    for item in library.interface {
        let comment = library.describe(item).replace('[', "\\[");
        match method(library, item, &mut names) {
            Ok(text) => methods.push_str(&format!("\n    /// {comment}\n{text}")),
            Err(Some(reason)) => methods.push_str(&format!("\n    // {comment}: {reason}\n")),
            Err(None) => {}
        }
    }
    include_str!("library.rs.in")
        .replace("@TYPE@", &type_name(library.prefix))
        .replace("@INIT@", &own_symbol(library, ItemKind::Init))
        .replace("@CONFIGURE@", &own_symbol(library, ItemKind::Configure))
        .replace("@RESET@", &own_symbol(library, ItemKind::Reset))
        .replace("@OBJECTS@", if methods.contains("ObjectRef") { include_str!("rust_objects.rs.in") } else { "" })
        .replace("@METHODS@", &methods)
}

/// `my_lib` as `MyLib`. A name of the file's own gets a word behind it.
pub fn type_name(prefix: &str) -> String {
    let upper = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    let name: String = prefix.split('_').map(upper).collect();
    let is_taken = [
        "Trap",
        "Frame",
        "FuncRef",
        "ObjectRef",
        "Config",
        "KeptStreams",
        "Stream",
        "Sink",
        "Self",
        "Option",
        "Result",
        "Some",
        "None",
        "Ok",
        "Err",
        "String",
        "Vec",
        "Default",
        "Send",
        "Sync",
        "Drop",
    ];
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_taken.contains(&name.as_str()) {
        true => name,
        false => format!("Library{name}"),
    }
}

fn own_symbol(library: &Library, kind: ItemKind) -> String {
    let item = library.interface.iter().find(|item| item.kind == kind);
    item.expect("every library has it").symbol.clone()
}

/// Names of methods, each of which there is once.
struct Names(HashSet<String>);

impl Names {
    /// The name for a symbol: without the prefix, after `export_` where that is not a name, and
    /// before `_` where it is taken.
    fn of(&mut self, library: &Library, symbol: &str, before: &str) -> String {
        let own = symbol.strip_prefix(library.prefix).and_then(|rest| rest.strip_prefix('_')).unwrap_or(symbol);
        let is_name = own.trim_start_matches('_').starts_with(|c: char| c.is_ascii_alphabetic());
        let mut name = format!("{before}{}{own}", if is_name { "" } else { "export_" });
        while words::is_taken_in_rust(&name) || self.0.contains(&name) {
            name.push('_');
        }
        self.0.insert(name.clone());
        name
    }
}

/// The method of an item. No method, or why there is none.
fn method(library: &Library, item: &Item, names: &mut Names) -> Result<String, Option<&'static str>> {
    let symbol = &item.symbol;
    let mut name = |before: &str| names.of(library, symbol, before);
    Ok(match item.kind {
        ItemKind::New
        | ItemKind::Free
        | ItemKind::Init
        | ItemKind::Configure
        | ItemKind::Reset
        | ItemKind::RefNew
        | ItemKind::RefGet
        | ItemKind::MemorySize(_) => return Err(None),
        ItemKind::RefDrop => fill("release", symbol, [("NAME", name(""))]),
        ItemKind::Interrupt | ItemKind::CancelInterrupt => fill("interrupt", symbol, [("NAME", name(""))]),
        ItemKind::MemoryBase(memory) => {
            let is_size = |other: &&Item| other.kind == ItemKind::MemorySize(memory) && other.export == item.export;
            let size = &library.interface.iter().find(is_size).expect("a memory has a size").symbol;
            let (shared, exclusive) = (name(""), name("mut_"));
            let words = [("NAME", shared), ("MUTABLE", exclusive), ("SIZE", size.clone())];
            fill("memory", symbol, words)
        }
        ItemKind::MemoryGrowth(_) => fill("growth", symbol, [("NAME", name(""))]),
        ItemKind::Function(func) => function(library, symbol, func, &mut name)?,
        ItemKind::Global(global) => variable(library, symbol, global, &mut name)?,
        ItemKind::Table(_) | ItemKind::Tag(_) => return Err(Some("not for Rust")),
    })
}

fn function(
    library: &Library,
    symbol: &str,
    func: FuncIndex,
    name: &mut impl FnMut(&str) -> String,
) -> Result<String, Option<&'static str>> {
    let ty = library.module.function_type(func);
    let results = ty.results().iter().map(|ty| safe_type(library.module, *ty)).collect::<Result<Vec<_>, _>>()?;
    let is_taken = |name: &str| words::is_taken_in_rust(name) || ["result", "self"].contains(&name);
    let (mut parameters, mut arguments) = (String::new(), Vec::new());
    for (index, Parameter { ty, name }) in library.parameters(func, is_taken).into_iter().enumerate() {
        let name = name.map_or(format!("p{index}"), str::to_owned);
        parameters.push_str(&format!(", {name}: {}", safe_type(library.module, ty)?));
        arguments.push(match kind(library.module, ty) {
            Kind::Function => format!("FuncRef::raw({name})"),
            Kind::Object => format!("{}(ObjectRef::raw({name}))", own_symbol(library, ItemKind::RefGet)),
            Kind::Plain => name,
        });
    }
    let back = |ty: &ValType, value: String| match kind(library.module, *ty) {
        Kind::Function => format!("FuncRef::of({value})"),
        Kind::Object => held(library, &value),
        Kind::Plain => value,
    };
    let (result, call) = match (&results[..], ty.results()) {
        ([], _) => ("()".to_owned(), format!("{symbol}({})", arguments.join(", "))),
        ([result], [ty]) => ((*result).to_owned(), back(ty, format!("{symbol}({})", arguments.join(", ")))),
        (results, types) => {
            let fields = types.iter().enumerate().map(|(index, ty)| back(ty, format!("result.r{index}")));
            let fields = fields.collect::<Vec<_>>().join(", ");
            let arguments = [vec!["result.as_mut_ptr()".to_owned()], arguments].concat().join(", ");
            let text = fill("results", symbol, [("ARGUMENTS", arguments), ("FIELDS", fields)]);
            (format!("({})", results.join(", ")), text.trim_end().to_owned())
        }
    };
    let words = [("NAME", name("")), ("PARAMETERS", parameters), ("RESULT", result), ("CALL", call)];
    Ok(fill("function", symbol, words))
}

fn variable(
    library: &Library,
    symbol: &str,
    global: GlobalIndex,
    name: &mut impl FnMut(&str) -> String,
) -> Result<String, Option<&'static str>> {
    let global = &library.module.globals[global];
    global.definition.local().ok_or(Some("imported"))?;
    let ty = match global.ty.content_type {
        ty if kind(library.module, ty) == Kind::Object => {
            return Ok(fill("reference", symbol, [("NAME", name("")), ("VALUE", held(library, symbol))]));
        }
        ValType::Ref(_) => return Err(Some("a reference, not for safe Rust")),
        ty => safe_type(library.module, ty)?,
    };
    let mut text = fill("variable", symbol, [("NAME", name("")), ("TYPE", ty.to_owned())]);
    if global.ty.mutable {
        text.push_str(&fill("setter", symbol, [("NAME", name("set_")), ("TYPE", ty.to_owned())]));
    }
    Ok(text)
}

/// The text under a title of `methods.rs.in`, with the symbol and other words in their places.
fn fill<const N: usize>(title: &str, symbol: &str, words: [(&str, String); N]) -> String {
    let sections = include_str!("methods.rs.in").split("// == ");
    let text = sections.filter_map(|it| it.split_once('\n')).find(|(it, _)| *it == title);
    let (_, text) = text.expect("there is a text under each title");
    let text = text.replace("@SYMBOL@", symbol);
    words.into_iter().fold(text, |text, (word, value)| text.replace(&format!("@{word}@"), &value))
}

/// A reference of the hierarchy `any` in a handle.
fn held(library: &Library, value: &str) -> String {
    format!("ObjectRef::of({}({value}))", own_symbol(library, ItemKind::RefNew))
}

/// How a value becomes one of safe Rust.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Function,
    Object,
}

fn kind(module: &Module, ty: ValType) -> Kind {
    match ty {
        ValType::Ref(ty) if structure::is_function(module, ty) => Kind::Function,
        ValType::Ref(ty) if structure::is_object(module, ty) && !structure::is_exception(ty) => Kind::Object,
        _ => Kind::Plain,
    }
}

/// The type of a value, or why safe Rust has none.
fn safe_type(module: &Module, ty: ValType) -> Result<&'static str, Option<&'static str>> {
    Ok(match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => return Err(Some("stable Rust can't hand a v128 to C")),
        ty if kind(module, ty) == Kind::Function => "Option<FuncRef>",
        ty if kind(module, ty) == Kind::Object => "Option<ObjectRef>",
        // A type that had both would let code take one for the other: nothing checks hierarchies.
        ValType::Ref(ty) if structure::is_exception(ty) => return Err(Some("an exception, not for safe Rust")),
        ValType::Ref(_) => "*mut core::ffi::c_void",
    })
}

#[cfg(test)]
mod tests {
    use super::type_name;

    #[test]
    fn prefixes_become_types() {
        for (prefix, name) in [
            ("sum", "Sum"),
            ("my_lib", "MyLib"),
            ("zlib_1", "Zlib1"),
            ("_", "Library"),
            ("_7z", "Library7z"),
            ("trap", "LibraryTrap"),
            ("SDL", "SDL"),
        ] {
            assert_eq!(type_name(prefix), name, "{prefix}");
        }
    }
}
