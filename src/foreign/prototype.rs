//! Declared imports as C declares them: for `--print imports`.

use super::{Callback, Extent, Foreign, Function, Type, Variadic};

/// The function's declaration, without its parameters' names.
pub fn declaration(foreign: &Foreign, function: &Function, symbol: &str) -> String {
    let mut params: Vec<_> = function.params.iter().map(|ty| spell(foreign, ty, "")).collect();
    if function.variadic != Variadic::None {
        params.push("...".to_owned());
    }
    let inner = format!("{symbol}({})", list(params));
    match &function.result {
        Some(ty) => format!("{};", spell(foreign, ty, &inner)),
        None => format!("void {inner};"),
    }
}

/// A type around what is declared.
fn spell(foreign: &Foreign, ty: &Type, inner: &str) -> String {
    let name = match ty {
        Type::Integer(integer) => format!("{}int{}_t", if integer.signed { "" } else { "u" }, integer.bits),
        Type::F32 => "float".to_owned(),
        Type::F64 => "double".to_owned(),
        Type::V128 => "__m128i".to_owned(),
        Type::Pointer(_, Extent::String) => return format!("char *{inner}"),
        Type::Reference | Type::Pointer(..) | Type::Opaque => return format!("void *{inner}"),
        Type::Function(callback, _) => {
            let Callback { params, result, .. } = &foreign.callbacks[*callback];
            let params = list(params.iter().map(|ty| spell(foreign, ty, "")).collect());
            let inner = format!("(*{inner})({params})");
            return result.as_ref().map_or_else(|| format!("void {inner}"), |ty| spell(foreign, ty, &inner));
        }
    };
    if inner.is_empty() { name } else { format!("{name} {inner}") }
}

fn list(params: Vec<String>) -> String {
    if params.is_empty() { "void".to_owned() } else { params.join(", ") }
}
