//! Names of types by their structure. Two types, even of different modules, have the same name
//! exactly if they are the same.
//!
//! A value type is a letter; a reference to a declared type is that type's name in parentheses. A
//! function type is its parameters, `.`, its results: `il.d`. A struct type is its fields in
//! braces, an array type its element in brackets; a mutable one begins with `=`. A type that may
//! have subtypes begins with `~`; before that comes `<` and the supertype in parentheses, if it has
//! one. A name that is not written out begins with `<` all the same then.
//!
//! Types that refer to each other form a group (core specification, 2.3.8 "Recursive Types"): there
//! a reference is the position in the group, and a member's name is its position, `:`, and the
//! members' names joined by `;`. All other references are to earlier types, so names are made in
//! order. A long name is replaced by its hash, so names of nested types don't grow without bounds.
//! A module chooses its types, and two with one name would be a way out of the sandbox: names can
//! be read in one way only, and the hash is a whole one.

use super::{Module, TypeIndex};
use cranelift_entity::{EntityRef, PrimaryMap};
use wasmparser::{
    AbstractHeapType, CompositeInnerType, FieldType, HeapType, RefType, StorageType, SubType, UnpackedIndex, ValType,
};

/// What the name of a type with a supertype begins with.
const SUBTYPE: char = '<';

/// Names longer than this are hashed.
const LONGEST: usize = 120;

/// Names the types from `start` on, which are one group: they may refer to each other.
pub fn name_group(types: &PrimaryMap<TypeIndex, SubType>, start: usize, names: &mut PrimaryMap<TypeIndex, String>) {
    let in_group = || types.values().skip(start);
    let members: Vec<String> = in_group().map(|ty| member_name(&Names { known: names, group: start }, ty)).collect();
    let is_recursive = in_group().any(|ty| refers_into(ty, start));
    let group = shorten(members.join(";"));
    for (position, ty) in in_group().enumerate() {
        let name = match members.len() == 1 && !is_recursive {
            true => group.clone(),
            false => format!("{position}:{group}"),
        };
        let lacks_mark = !ty.supertype_idxs.is_empty() && !name.starts_with(SUBTYPE);
        names.push(if lacks_mark { format!("{SUBTYPE}{name}") } else { name });
    }
}

/// Whether a type refers to a member of the group that begins with type `start`.
fn refers_into(ty: &SubType, start: usize) -> bool {
    let is_in_group = |index: Option<TypeIndex>| index.is_some_and(|index| index.index() >= start);
    let value = |ty: &ValType| matches!(ty, ValType::Ref(ty) if is_in_group(declared(ty.heap_type())));
    let field = |field: &FieldType| matches!(&field.element_type, StorageType::Val(ty) if value(ty));
    let supertype = |index: &wasmparser::PackedIndex| is_in_group(index.as_module_index().map(TypeIndex::from_u32));
    ty.supertype_idxs.iter().any(supertype)
        || match &ty.composite_type.inner {
            CompositeInnerType::Func(ty) => ty.params().iter().chain(ty.results()).any(value),
            CompositeInnerType::Struct(ty) => ty.fields.iter().any(field),
            CompositeInnerType::Array(ty) => field(&ty.0),
            CompositeInnerType::Cont(_) => false,
        }
}

/// The declared type that a heap type is.
pub fn declared(ty: HeapType) -> Option<TypeIndex> {
    match ty {
        HeapType::Concrete(UnpackedIndex::Module(index)) | HeapType::Exact(UnpackedIndex::Module(index)) => {
            Some(TypeIndex::from_u32(index))
        }
        _ => None,
    }
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
    null_fits && accepts_heap(module, our.heap_type(), other, their.heap_type())
}

/// The same of heap types (3.3.2 "Heap Types").
fn accepts_heap(module: &Module, ours: HeapType, other: &Module, theirs: HeapType) -> bool {
    match (declared(ours), declared(theirs)) {
        (Some(our), Some(their)) => is_subtype(other, their, module, our),
        (Some(our), None) => {
            let bottom = match module.types[our].composite_type.inner {
                CompositeInnerType::Func(_) => AbstractHeapType::NoFunc,
                _ => AbstractHeapType::None,
            };
            kind(theirs) == Some(bottom)
        }
        (None, their) => {
            let their = their.map_or_else(|| kind(theirs), |ty| Some(kind_of_declared(other, ty)));
            kind(ours).zip(their).is_some_and(|(ours, theirs)| is_above(ours, theirs))
        }
    }
}

/// Whether a declared type of one module is one of another's, or a subtype of it.
pub fn is_subtype(module: &Module, ty: TypeIndex, other: &Module, theirs: TypeIndex) -> bool {
    module.supertypes(ty).any(|ty| module.type_names[ty] == other.type_names[theirs])
}

fn kind(ty: HeapType) -> Option<AbstractHeapType> {
    match ty {
        HeapType::Abstract { ty, .. } => Some(ty),
        HeapType::Concrete(_) | HeapType::Exact(_) => None,
    }
}

/// The smallest abstract type of the values of a declared one.
pub fn kind_of_declared(module: &Module, ty: TypeIndex) -> AbstractHeapType {
    match module.types[ty].composite_type.inner {
        CompositeInnerType::Func(_) => AbstractHeapType::Func,
        CompositeInnerType::Struct(_) => AbstractHeapType::Struct,
        CompositeInnerType::Array(_) => AbstractHeapType::Array,
        CompositeInnerType::Cont(_) => AbstractHeapType::Cont,
    }
}

/// Whether an abstract type is another or has it as a subtype.
pub fn is_above(ours: AbstractHeapType, theirs: AbstractHeapType) -> bool {
    use AbstractHeapType::{Any, Array, Eq, Exn, Extern, Func, I31, NoExn, NoExtern, NoFunc, None, Struct};
    ours == theirs
        || match ours {
            Any => matches!(theirs, Eq | I31 | Struct | Array | None),
            Eq => matches!(theirs, I31 | Struct | Array | None),
            I31 | Struct | Array => theirs == None,
            Func => theirs == NoFunc,
            Extern => theirs == NoExtern,
            Exn => theirs == NoExn,
            _ => false,
        }
}

/// Whether references of this type are functions.
pub fn is_function(module: &Module, ty: RefType) -> bool {
    match declared(ty.heap_type()) {
        Some(ty) => matches!(module.types[ty].composite_type.inner, CompositeInnerType::Func(_)),
        None => matches!(kind(ty.heap_type()), Some(AbstractHeapType::Func | AbstractHeapType::NoFunc)),
    }
}

/// Whether they are exceptions.
pub fn is_exception(ty: RefType) -> bool {
    matches!(kind(ty.heap_type()), Some(AbstractHeapType::Exn | AbstractHeapType::NoExn))
}

/// Whether they are words of the host.
pub fn is_extern(ty: RefType) -> bool {
    matches!(kind(ty.heap_type()), Some(AbstractHeapType::Extern | AbstractHeapType::NoExtern))
}

/// Whether they are of the hierarchies `any` and `exn`, whose objects the collector frees.
pub fn is_object(module: &Module, ty: RefType) -> bool {
    !is_function(module, ty) && !is_extern(ty)
}

/// The type of all references of the same hierarchy.
pub fn top(module: &Module, ty: RefType) -> RefType {
    match () {
        () if is_function(module, ty) => RefType::FUNCREF,
        () if is_extern(ty) => RefType::EXTERNREF,
        () if is_exception(ty) => RefType::EXNREF,
        () => RefType::ANYREF,
    }
}

/// Whether a value has a type that not all references of its hierarchy have.
pub fn is_narrow(module: &Module, ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if top(module, ty) != ty)
}

/// Names of references while the members of a group are named.
struct Names<'a> {
    known: &'a PrimaryMap<TypeIndex, String>,
    /// Index of the group's first type.
    group: usize,
}

fn member_name(names: &Names, ty: &SubType) -> String {
    let index = ty.supertype_idxs.first().and_then(wasmparser::PackedIndex::as_module_index);
    let supertype = index.map(|index| format!("{SUBTYPE}{}", declared_name(names, TypeIndex::from_u32(index))));
    let supertype = supertype.unwrap_or_default();
    let open = if ty.is_final { "" } else { "~" };
    let values = |types: &[ValType]| types.iter().map(|ty| value_name(names, *ty)).collect::<String>();
    let composite = match &ty.composite_type.inner {
        CompositeInnerType::Func(ty) => format!("{}.{}", values(ty.params()), values(ty.results())),
        CompositeInnerType::Struct(ty) => {
            format!("{{{}}}", ty.fields.iter().map(|field| field_name(names, field)).collect::<String>())
        }
        CompositeInnerType::Array(ty) => format!("[{}]", field_name(names, &ty.0)),
        CompositeInnerType::Cont(_) => panic!("stack switching is not supported, and the validator refuses it"),
    };
    format!("{supertype}{open}{composite}")
}

fn field_name(names: &Names, field: &FieldType) -> String {
    let mutable = if field.mutable { "=" } else { "" };
    let storage = match field.element_type {
        StorageType::I8 => "b".to_owned(),
        StorageType::I16 => "h".to_owned(),
        StorageType::Val(ty) => value_name(names, ty),
    };
    format!("{mutable}{storage}")
}

fn shorten(name: String) -> String {
    match name.len() {
        0..=LONGEST => name,
        _ => format!("#{}", blake3::hash(name.as_bytes()).to_hex()),
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

fn declared_name(names: &Names, ty: TypeIndex) -> String {
    match ty.index().checked_sub(names.group) {
        Some(position) => format!("({position})"),
        None => format!("({})", names.known[ty]),
    }
}

/// The name of a reference that can't be null begins with `!`.
fn reference_name(names: &Names, ty: RefType) -> String {
    use AbstractHeapType::{Any, Array, Eq, Exn, Extern, Func, I31, NoExn, NoExtern, NoFunc, None, Struct};
    let heap = ty.heap_type();
    let name = match (declared(heap), kind(heap)) {
        (Some(ty), _) => declared_name(names, ty),
        (_, Some(Func)) => "r".to_owned(),
        (_, Some(Extern)) => "e".to_owned(),
        (_, Some(Exn)) => "x".to_owned(),
        (_, Some(NoExn)) => "n".to_owned(),
        (_, Some(Any)) => "a".to_owned(),
        (_, Some(Eq)) => "q".to_owned(),
        (_, Some(I31)) => "j".to_owned(),
        (_, Some(Struct)) => "s".to_owned(),
        (_, Some(Array)) => "t".to_owned(),
        (_, Some(None)) => "N".to_owned(),
        (_, Some(NoFunc)) => "R".to_owned(),
        (_, Some(NoExtern)) => "E".to_owned(),
        _ => format!("[{heap:?}]"),
    };
    if ty.is_nullable() { name } else { format!("!{name}") }
}
