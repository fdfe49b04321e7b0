//! Names of types by their structure. Two types, even of different modules, have the same name
//! exactly if they are the same.
//!
//! A value type is a letter; a reference to a function type is that type's name in parentheses. A
//! function type is its parameters, `.`, its results: `il.d`. Types that refer to each other form a
//! group (core specification, 2.3.8 "Recursive Types"): there a reference is the position in the
//! group, and a member's name is its position, `:`, and the members' names joined by `;`. All other
//! references are to earlier types, so names are made in order. A long name is replaced by its
//! hash, so names of nested types don't grow without bounds.

use super::{Module, TypeIndex};
use cranelift_entity::PrimaryMap;
use wasmparser::{AbstractHeapType, FuncType, HeapType, RefType, UnpackedIndex, ValType};

/// Names longer than this are hashed.
const LONGEST: usize = 120;

/// Names the types from `start` on, which are one group: they may refer to each other.
pub fn name_group(types: &PrimaryMap<TypeIndex, FuncType>, start: usize, names: &mut PrimaryMap<TypeIndex, String>) {
    let members: Vec<String> =
        types.values().skip(start).map(|ty| function_name(&Names { known: names, group: start }, ty)).collect();
    let is_recursive = types.values().skip(start).any(|ty| refers_into(ty, start));
    if members.len() == 1 && !is_recursive {
        names.push(shorten(members.into_iter().next().expect("there is one")));
        return;
    }
    let group = shorten(members.join(";"));
    for position in 0..members.len() {
        names.push(format!("{position}:{group}"));
    }
}

/// Whether a type refers to a member of the group that begins with type `start`.
fn refers_into(ty: &FuncType, start: usize) -> bool {
    ty.params().iter().chain(ty.results()).any(|ty| match ty {
        ValType::Ref(ty) => matches!(ty.heap_type(),
            HeapType::Concrete(UnpackedIndex::Module(index)) | HeapType::Exact(UnpackedIndex::Module(index)) if index as usize >= start),
        _ => false,
    })
}

/// Whether a value type of one module is the same as one of another.
pub fn is_same(module: &Module, ours: ValType, other: &Module, theirs: ValType) -> bool {
    let name = |module: &Module, ty| value_name(&Names { known: &module.type_names, group: module.types.len() }, ty);
    name(module, ours) == name(other, theirs)
}

/// Whether every value of the other module's type `theirs` is one of `ours` (core specification,
/// 3.3.3 "Reference Types").
pub fn accepts(module: &Module, ours: ValType, other: &Module, theirs: ValType) -> bool {
    let (ValType::Ref(our), ValType::Ref(their)) = (ours, theirs) else {
        return is_same(module, ours, other, theirs);
    };
    let null_fits = our.is_nullable() || !their.is_nullable();
    let heap_fits = our.heap_type() == HeapType::FUNC && is_function(their)
        || our.heap_type() == RefType::EXN.heap_type() && their.heap_type() == RefType::NOEXN.heap_type()
        || is_same(module, our.as_non_null().into(), other, their.as_non_null().into());
    null_fits && heap_fits
}

/// Whether references of this type are functions.
pub fn is_function(ty: RefType) -> bool {
    ty.heap_type() == HeapType::FUNC || ty.is_concrete_type_ref()
}

/// Names of references while the members of a group are named.
struct Names<'a> {
    known: &'a PrimaryMap<TypeIndex, String>,
    /// Index of the group's first type.
    group: usize,
}

fn function_name(names: &Names, ty: &FuncType) -> String {
    let list = |types: &[ValType]| types.iter().map(|ty| value_name(names, *ty)).collect::<String>();
    format!("{}.{}", list(ty.params()), list(ty.results()))
}

fn shorten(name: String) -> String {
    match name.len() {
        0..=LONGEST => name,
        _ => format!("#{}", &blake3::hash(name.as_bytes()).to_hex()[..32]),
    }
}

fn value_name(names: &Names, ty: ValType) -> String {
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

/// The name of a reference that can't be null begins with `!`.
fn reference_name(names: &Names, ty: RefType) -> String {
    let name = match ty.heap_type() {
        HeapType::Concrete(UnpackedIndex::Module(index)) | HeapType::Exact(UnpackedIndex::Module(index)) => {
            match (index as usize).checked_sub(names.group) {
                Some(position) => format!("({position})"),
                None => format!("({})", names.known[TypeIndex::from_u32(index)]),
            }
        }
        HeapType::FUNC => "r".to_owned(),
        HeapType::EXTERN => "e".to_owned(),
        HeapType::Abstract { ty: AbstractHeapType::Exn, .. } => "x".to_owned(),
        HeapType::Abstract { ty: AbstractHeapType::NoExn, .. } => "n".to_owned(),
        other => format!("[{other:?}]"),
    };
    if ty.is_nullable() { name } else { format!("!{name}") }
}
