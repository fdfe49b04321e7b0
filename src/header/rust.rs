//! Declarations for Rust, editions 2021 and 2024, as a module: `mod name;`. They are the C
//! interface, and the library as a type of Rust.
//!
//! What stable Rust can't pass to C, a `v128`, is left out with a comment.

use super::{Library, Parameter, codes, rust_library, words};
use crate::object::interface::{Item, ItemKind};
use crate::wasm::FuncIndex;
use wasmparser::ValType;

/// What a file takes from another that has the runtime's part.
const RUNTIME: &str = "Config, Frame, KeptStreams, Trap, w2n_config, w2n_directory, w2n_frame, w2n_handle_signal, \
                       w2n_raise_message, w2n_stream, w2n_trap, w2n_trap_text, w2n_try";

/// The file's text.
pub fn declarations(library: &Library) -> String {
    let mut types = String::new();
    let mut items = String::new();
    for item in library.interface {
        let comment = format!("    /// {}\n", library.describe(item).replace('[', "\\["));
        match declaration(library, item, &mut types) {
            Ok(declaration) => items.push_str(&format!("{comment}    {declaration}\n")),
            Err(reason) => items.push_str(&format!("    // {}: {reason}\n", library.describe(item))),
        }
    }
    let imported: String = library.imported().iter().map(|line| format!("// {line}\n")).collect();
    let imports = match imported.is_empty() {
        true => String::new(),
        false => format!("// The host, or a library that is linked with it, must define these symbols:\n{imported}"),
    };
    let code = |(name, code, meaning): &(String, i32, &str)| {
        format!("/// {meaning}\n#[allow(dead_code)]\npub const {name}: core::ffi::c_int = {code};\n")
    };
    let runtime = match library.rust_runtime {
        Some(path) => format!("#[allow(unused_imports)]\npub use {path}::{{{RUNTIME}}};\n"),
        None => {
            let codes: String = codes().iter().map(code).collect();
            let runtime = include_str!("rust_runtime.rs.in").replace("@CODES@", &codes);
            runtime + include_str!("rust_config.rs.in")
        }
    };
    include_str!("declarations.rs.in")
        .replace("@FIRST_LINE@", &library.first_line())
        .replace("@RUNTIME@", &runtime)
        .replace("@LIBRARY@", &rust_library::write(library))
        .replace("@TYPES@", &types)
        .replace("@IMPORTS@", &imports)
        .replace("@ITEMS@", &items)
}

/// The declaration, or why there is none. Structures of results are added to `types`.
fn declaration(library: &Library, item: &Item, types: &mut String) -> Result<String, &'static str> {
    let symbol = &item.symbol;
    Ok(match item.kind {
        ItemKind::Init | ItemKind::Reset | ItemKind::Interrupt | ItemKind::CancelInterrupt => {
            format!("pub fn {symbol}() -> core::ffi::c_int;")
        }
        ItemKind::Configure => format!("pub fn {symbol}(config: *const w2n_config) -> core::ffi::c_int;"),
        ItemKind::MemoryBase(_) => format!("pub fn {symbol}() -> *mut u8;"),
        ItemKind::MemorySize(_) => format!("pub fn {symbol}() -> usize;"),
        ItemKind::MemoryGrowth(_) => format!("pub fn {symbol}(pages: u64) -> i64;"),
        ItemKind::RefNew => format!("pub fn {symbol}(reference: *mut core::ffi::c_void) -> u64;"),
        ItemKind::RefGet => format!("pub fn {symbol}(handle: u64) -> *mut core::ffi::c_void;"),
        ItemKind::RefDrop => format!("pub fn {symbol}(handle: u64);"),
        ItemKind::Function(func) => function(library, symbol, func, types)?,
        ItemKind::Global(global) => {
            let global = &library.module.globals[global];
            global.definition.local().ok_or("imported")?;
            let mutable = if global.ty.mutable { "mut " } else { "" };
            format!("pub static {mutable}{symbol}: {};", type_name(global.ty.content_type)?)
        }
        ItemKind::New | ItemKind::Free | ItemKind::Table(_) | ItemKind::Tag(_) => return Err("not for Rust"),
    })
}

fn function(library: &Library, symbol: &str, func: FuncIndex, types: &mut String) -> Result<String, &'static str> {
    let mut parameters = Vec::new();
    let mut structure = String::new();
    let result = match library.module.function_type(func).results() {
        [] => String::new(),
        [result] => format!(" -> {}", type_name(*result)?),
        results => {
            structure
                .push_str("#[allow(dead_code, non_camel_case_types)]\n#[repr(C)]\n#[derive(Clone, Copy, Debug)]\n");
            structure.push_str(&format!("pub struct {symbol}_result {{\n"));
            for (index, result) in results.iter().enumerate() {
                structure.push_str(&format!("    pub r{index}: {},\n", type_name(*result)?));
            }
            structure.push_str("}\n\n");
            parameters.push(format!("result: *mut {symbol}_result"));
            String::new()
        }
    };
    let is_taken = |name: &str| words::is_taken_in_rust(name) || name == "result";
    for (index, Parameter { ty, name }) in library.parameters(func, is_taken).into_iter().enumerate() {
        let name = name.map_or(format!("p{index}"), str::to_owned);
        parameters.push(format!("{name}: {}", type_name(ty)?));
    }
    types.push_str(&structure);
    Ok(format!("pub fn {symbol}({}){result};", parameters.join(", ")))
}

fn type_name(ty: ValType) -> Result<&'static str, &'static str> {
    Ok(match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => return Err("stable Rust can't hand a v128 to C"),
        ValType::Ref(_) => "*mut core::ffi::c_void",
    })
}
