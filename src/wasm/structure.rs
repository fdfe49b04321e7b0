//! Names of types by their structure: equal exactly where types are the same, in whatever modules they stand.
//!
//! A value type is a letter; a reference to a function type is that type's name in parentheses. A function type is its
//! parameters, `.`, its results: `il.d`. References go to earlier types only, so that names are made in order; a long name
//! becomes its hash, so that types nested in types don't grow without bounds.

use super::{Module, TypeIndex};
use cranelift_entity::PrimaryMap;
use wasmparser::{AbstractHeapType, FuncType, HeapType, RefType, UnpackedIndex, ValType};

/// Names longer than this are hashed.
const LONGEST: usize = 120;

/// Names all types of a module.
pub fn names(types: &PrimaryMap<TypeIndex, FuncType>) -> PrimaryMap<TypeIndex, String> {
    let mut names = PrimaryMap::with_capacity(types.len());
    for ty in types.values() {
        names.push(function_name(&names, ty));
    }
    names
}

/// Whether a value type of one module is the same as one of another.
pub fn is_same(module: &Module, ours: ValType, other: &Module, theirs: ValType) -> bool {
    value_name(&module.type_names, ours) == value_name(&other.type_names, theirs)
}

/// Whether every value of the other module's type `theirs` is one of `ours` (core specification, 3.3.3 "Reference Types").
pub fn accepts(module: &Module, ours: ValType, other: &Module, theirs: ValType) -> bool {
    let (ValType::Ref(our), ValType::Ref(their)) = (ours, theirs) else {
        return is_same(module, ours, other, theirs);
    };
    let null_fits = our.is_nullable() || !their.is_nullable();
    let heap_fits = our.heap_type() == HeapType::FUNC && is_function(their)
        || is_same(module, our.as_non_null().into(), other, their.as_non_null().into());
    null_fits && heap_fits
}

/// Whether references of this type are functions.
pub fn is_function(ty: RefType) -> bool {
    ty.heap_type() == HeapType::FUNC || ty.is_concrete_type_ref()
}

fn function_name(names: &PrimaryMap<TypeIndex, String>, ty: &FuncType) -> String {
    let list = |types: &[ValType]| types.iter().map(|ty| value_name(names, *ty)).collect::<String>();
    let name = format!("{}.{}", list(ty.params()), list(ty.results()));
    match name.len() {
        0..=LONGEST => name,
        _ => format!("#{}", &blake3::hash(name.as_bytes()).to_hex()[..32]),
    }
}

fn value_name(names: &PrimaryMap<TypeIndex, String>, ty: ValType) -> String {
    let name = match ty {
        ValType::I32 => "i",
        ValType::I64 => "l",
        ValType::F32 => "f",
        ValType::F64 => "d",
        ValType::V128 => "v",
        ValType::Ref(ty) => return reference_name(names, ty),
    };
    name.to_owned()
}

/// What is not null begins with `!`.
fn reference_name(names: &PrimaryMap<TypeIndex, String>, ty: RefType) -> String {
    let name = match ty.heap_type() {
        HeapType::Concrete(UnpackedIndex::Module(index)) | HeapType::Exact(UnpackedIndex::Module(index)) => {
            format!("({})", names[TypeIndex::from_u32(index)])
        }
        HeapType::FUNC => "r".to_owned(),
        HeapType::EXTERN => "e".to_owned(),
        HeapType::Abstract { ty: AbstractHeapType::Exn, .. } => "x".to_owned(),
        other => format!("[{other:?}]"),
    };
    if ty.is_nullable() { name } else { format!("!{name}") }
}
