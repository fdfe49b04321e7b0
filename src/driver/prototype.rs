//! Imports and exports as C declares them, with the types of `<stdint.h>` and `<stddef.h>`.

use crate::foreign::{Extent, Foreign, Function, Integer, Type, Variadic};
use crate::wasm::{EntityIndex, Module};
use wasmparser::{FuncType, ValType};

/// A function that is declared.
pub fn declared(foreign: &Foreign, function: &Function, symbol: &str) -> String {
    let mut params: Vec<String> = function.params.iter().map(|ty| declared_type(foreign, ty)).collect();
    if function.variadic != Variadic::None {
        params.push("...".to_owned());
    }
    format!("{} {symbol}({});", result(foreign, function.result.as_ref()), list(params))
}

fn result(foreign: &Foreign, ty: Option<&Type>) -> String {
    ty.map_or("void".to_owned(), |ty| declared_type(foreign, ty))
}

fn list(params: Vec<String>) -> String {
    if params.is_empty() { "void".to_owned() } else { params.join(", ") }
}

fn declared_type(foreign: &Foreign, ty: &Type) -> String {
    match ty {
        Type::Integer(Integer { bits, signed }) => format!("{}int{bits}_t", if *signed { "" } else { "u" }),
        Type::F32 => "float".to_owned(),
        Type::F64 => "double".to_owned(),
        Type::V128 => "__m128i".to_owned(),
        Type::Pointer(_, Extent::String) => "const char *".to_owned(),
        Type::Reference | Type::Pointer(..) | Type::Opaque(_) => "void *".to_owned(),
        Type::Function(callback, _) => {
            let callback = &foreign.callbacks[*callback];
            let params = callback.params.iter().map(|ty| declared_type(foreign, ty)).collect();
            format!("{} (*)({})", result(foreign, callback.result.as_ref()), list(params))
        }
    }
}

/// How C sees an entity of which only the Wasm type is known; `-` if it does not.
pub fn of_entity(module: &Module, entity: EntityIndex, symbol: &str) -> String {
    match entity {
        EntityIndex::Function(func) => declare_function(module.function_type(func), symbol),
        EntityIndex::Global(global) => {
            let ty = &module.globals[global].ty;
            let constant = if ty.mutable { "" } else { "const " };
            format!("extern {constant}{} {symbol};", c_type(&ty.content_type))
        }
        EntityIndex::Table(_) | EntityIndex::Memory(_) | EntityIndex::Tag(_) => "-".to_owned(),
    }
}

fn declare_function(ty: &FuncType, symbol: &str) -> String {
    let params = match ty.params() {
        [] => "void".to_owned(),
        params => params.iter().map(c_type).collect::<Vec<_>>().join(", "),
    };
    let result = match ty.results() {
        [] => "void".to_owned(),
        [one] => c_type(one).to_owned(),
        many => {
            let fields = many.iter().enumerate().map(|(nth, ty)| format!("{} r{nth}; ", c_type(ty)));
            format!("struct {{ {}}}", fields.collect::<String>())
        }
    };
    format!("{result} {symbol}({params});")
}

fn c_type(ty: &ValType) -> &'static str {
    match ty {
        ValType::I32 => "int32_t",
        ValType::I64 => "int64_t",
        ValType::F32 => "float",
        ValType::F64 => "double",
        ValType::V128 => "__m128i",
        ValType::Ref(_) => "void *",
    }
}
