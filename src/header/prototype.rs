//! Imports and exports as C declares them, each in one line, with the types of `<stdint.h>`,
//! `<stddef.h>` and of the headers that libraries have.

use super::c::{self, CFunction, DATA};
use crate::foreign::{Extent, Foreign, ForeignFunction, Integer, Type, Variadic};
use crate::wasm::{EntityIndex, Module};

/// A function that is declared. `declarator`: the name with its parameters.
pub fn declared(foreign: &Foreign, function: &ForeignFunction, declarator: impl Fn(&str) -> String) -> String {
    let mut params: Vec<String> = function.params.iter().map(|ty| declared_type(foreign, ty)).collect();
    if function.variadic != Variadic::None {
        params.push("...".to_owned());
    }
    let parameters = format!("({})", list(params));
    format!("{} {};", result(foreign, function.result.as_ref()), declarator(&parameters))
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
        Type::V128 => "w2n_v128".to_owned(),
        Type::Pointer(_, Extent::String) => "const char *".to_owned(),
        Type::Reference | Type::Pointer(..) | Type::Opaque(_) => "void *".to_owned(),
        Type::Function(callback, _) => {
            let callback = &foreign.callbacks[*callback];
            let params = callback.params.iter().map(|ty| declared_type(foreign, ty)).collect();
            format!("{} (*)({})", result(foreign, callback.result.as_ref()), list(params))
        }
    }
}

/// How C sees an entity of which only the Wasm type is known, as the header says it; `-` if it does
/// not. `has_data`: it gets the host's pointer.
pub fn of_entity(module: &Module, entity: EntityIndex, symbol: &str, has_data: bool) -> String {
    let text = match entity {
        EntityIndex::Function(func) => {
            let ty = module.function_type(func);
            let function = CFunction { module, ty, name: symbol, names: None, first: has_data.then_some(DATA) };
            function.declare(|parameters| format!("{symbol}{parameters}"))
        }
        EntityIndex::Global(global) => c::declare_global(module, &module.globals[global].ty, symbol),
        EntityIndex::Table(_) | EntityIndex::Memory(_) | EntityIndex::Tag(_) => "-".to_owned(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
