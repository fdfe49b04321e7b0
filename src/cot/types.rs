//! Types of a checked program, each once: equal types have equal [`TypeId`]s. Sizes, alignments and
//! offsets are those of section 5.
//!
//! Everything here is concrete: an instance of a generic struct is a struct of its own. `string` is
//! `[]u8`. Structs, enums and unions are told apart by identity; error sets by their members; all
//! others by structure. No type contains itself by value (the checker refuses it).

use std::collections::HashMap;
use std::sync::OnceLock;

/// A type of one [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

impl TypeId {
    pub const VOID: TypeId = TypeId(0);
    pub const NO_RETURN: TypeId = TypeId(1);
    pub const BOOL: TypeId = TypeId(2);
    pub const I8: TypeId = TypeId(3);
    pub const I16: TypeId = TypeId(4);
    pub const I32: TypeId = TypeId(5);
    pub const I64: TypeId = TypeId(6);
    pub const U8: TypeId = TypeId(7);
    pub const U16: TypeId = TypeId(8);
    pub const U32: TypeId = TypeId(9);
    pub const U64: TypeId = TypeId(10);
    pub const F32: TypeId = TypeId(11);
    pub const F64: TypeId = TypeId(12);
    /// `string`, that is `[]u8`.
    pub const STRING: TypeId = TypeId(13);
    /// Stands in for the type of what was reported as wrong. Never in a program that was checked
    /// without errors.
    pub const ERRONEOUS: TypeId = TypeId(14);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StructId(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnumId(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnionId(pub u32);

/// A set of errors; [`ErrorSetId::OPEN`] holds any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorSetId(pub u32);

impl ErrorSetId {
    /// The set of `!T`.
    pub const OPEN: ErrorSetId = ErrorSetId(0);
}

/// One error by its name, program-wide: the number that error values hold at run time, an index of
/// [`Types::error_names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorId(pub u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Void,
    /// Of expressions that never yield a value.
    NoReturn,
    Bool,
    Int {
        signed: bool,
        /// 8, 16, 32 or 64
        bits: u8,
    },
    Float {
        /// 32 or 64
        bits: u8,
    },
    /// `*T`: may be null at run time, since `null` converts to it.
    Pointer(TypeId),
    /// `?T`; of a pointer it is one word with 0 as null, otherwise tag (8 bytes, 1 = there is a
    /// value) and payload.
    Optional(TypeId),
    /// `E!T`: tag (8 bytes, 0 = value, 1 = error), then payload or error number (8 bytes).
    ErrorUnion {
        set: ErrorSetId,
        payload: TypeId,
    },
    /// An error value, such as a captured one: the number of an [`ErrorId`] in 8 bytes.
    Error(ErrorSetId),
    /// `[]T`: address, length, capacity, 8 bytes each.
    Slice(TypeId),
    Array {
        element: TypeId,
        length: u64,
    },
    /// At least two elements.
    Tuple(Vec<TypeId>),
    Struct(StructId),
    Enum(EnumId),
    Union(UnionId),
    /// `fn(A) -> R`: address of a closure object.
    Function {
        params: Vec<TypeId>,
        result: TypeId,
    },
    /// See [`TypeId::ERRONEOUS`].
    Erroneous,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StructLayout {
    /// Natural alignment of fields, alignment 8.
    Ordinary,
    /// As in C.
    Extern,
    /// No padding, alignment 1.
    Packed,
}

#[derive(Clone, Debug)]
pub struct StructType {
    /// As in the source, with arguments: `Pair(i64, string)`, `Outer.Inner`.
    pub name: String,
    pub layout: StructLayout,
    /// In order of declaration. Empty until the checker has seen all declarations.
    pub fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub ty: TypeId,
}

#[derive(Clone, Debug)]
pub struct EnumType {
    pub name: String,
    /// An integer type.
    pub backing: TypeId,
    /// Names with their values, in order of declaration.
    pub variants: Vec<(String, i128)>,
}

#[derive(Clone, Debug)]
pub struct UnionType {
    pub name: String,
    /// The tag (first 8 bytes) is an index of this; the payload follows at offset 8.
    pub variants: Vec<Variant>,
}

#[derive(Clone, Debug)]
pub struct Variant {
    pub name: String,
    /// [`TypeId::VOID`] for a variant without payload.
    pub payload: TypeId,
}

#[derive(Clone, Debug)]
pub struct ErrorSet {
    /// The first name it was declared with.
    pub name: String,
    /// Sorted. Meaningless for the open set.
    pub members: Vec<ErrorId>,
}

/// What memory thinks of a type. Computed once, since nested types would make it exponential.
#[derive(Clone, Debug)]
struct Memory {
    size: u64,
    align: u64,
    /// Of fields or elements.
    offsets: Vec<u64>,
    holds_managed: bool,
    holds_buffer: bool,
}

/// All types of a program.
#[derive(Clone, Debug)]
pub struct Types {
    all: Vec<Type>,
    memory: Vec<OnceLock<Memory>>,
    /// Indices of fields and variants by name.
    members: Vec<OnceLock<HashMap<String, usize>>>,
    ids: HashMap<Type, TypeId>,
    pub structs: Vec<StructType>,
    pub enums: Vec<EnumType>,
    pub unions: Vec<UnionType>,
    pub error_sets: Vec<ErrorSet>,
    /// Names of all errors; an [`ErrorId`] is an index.
    pub error_names: Vec<String>,
    error_ids: HashMap<String, ErrorId>,
    /// Sets by their members.
    error_set_ids: HashMap<Vec<ErrorId>, ErrorSetId>,
}

impl Default for Types {
    fn default() -> Types {
        let open = ErrorSet { name: "anyerror".to_owned(), members: Vec::new() };
        let mut types = Types {
            all: Vec::new(),
            memory: Vec::new(),
            members: Vec::new(),
            ids: HashMap::new(),
            structs: Vec::new(),
            enums: Vec::new(),
            unions: Vec::new(),
            error_sets: vec![open],
            error_names: Vec::new(),
            error_ids: HashMap::new(),
            error_set_ids: HashMap::new(),
        };
        let int = |signed, bits| Type::Int { signed, bits };
        let ints = [true, false].into_iter().flat_map(|signed| [8, 16, 32, 64].map(|bits| int(signed, bits)));
        let first = [Type::Void, Type::NoReturn, Type::Bool].into_iter().chain(ints);
        let rest = [Type::Float { bits: 32 }, Type::Float { bits: 64 }, Type::Slice(TypeId::U8), Type::Erroneous];
        for ty in first.chain(rest) {
            types.intern(ty);
        }
        assert_eq!(types.intern(Type::Erroneous), TypeId::ERRONEOUS, "the constants of TypeId are in this order");
        types
    }
}

impl Types {
    pub fn intern(&mut self, ty: Type) -> TypeId {
        if let Some(id) = self.ids.get(&ty) {
            return *id;
        }
        let id = TypeId(self.all.len() as u32);
        self.all.push(ty.clone());
        self.memory.push(OnceLock::new());
        self.members.push(OnceLock::new());
        self.ids.insert(ty, id);
        id
    }

    pub fn get(&self, id: TypeId) -> &Type {
        &self.all[id.0 as usize]
    }

    pub fn pointer(&mut self, to: TypeId) -> TypeId {
        self.intern(Type::Pointer(to))
    }

    pub fn optional(&mut self, of: TypeId) -> TypeId {
        self.intern(Type::Optional(of))
    }

    pub fn slice(&mut self, element: TypeId) -> TypeId {
        self.intern(Type::Slice(element))
    }

    /// A type that stands for a type parameter: it has a name, and is equal to itself only.
    pub fn opaque(&mut self, name: &str) -> TypeId {
        let fields = vec![Field { name: String::new(), ty: TypeId::I64 }];
        self.structs.push(StructType { name: name.to_owned(), layout: StructLayout::Ordinary, fields });
        self.intern(Type::Struct(StructId(self.structs.len() as u32 - 1)))
    }

    /// The number of an error name, which is new if it was not heard of before.
    pub fn error(&mut self, name: &str) -> ErrorId {
        if let Some(id) = self.error_ids.get(name) {
            return *id;
        }
        let id = ErrorId(self.error_names.len() as u32);
        self.error_names.push(name.to_owned());
        self.error_ids.insert(name.to_owned(), id);
        id
    }

    /// The set with these members.
    pub fn error_set(&mut self, name: &str, mut members: Vec<ErrorId>) -> ErrorSetId {
        members.sort();
        members.dedup();
        if let Some(known) = self.error_set_ids.get(&members) {
            return *known;
        }
        let id = ErrorSetId(self.error_sets.len() as u32);
        self.error_sets.push(ErrorSet { name: name.to_owned(), members: members.clone() });
        self.error_set_ids.insert(members, id);
        id
    }

    /// Whether every error of `inner` is in `outer`.
    pub fn is_subset(&self, inner: ErrorSetId, outer: ErrorSetId) -> bool {
        let members = |set: ErrorSetId| &self.error_sets[set.0 as usize].members;
        outer == ErrorSetId::OPEN
            || inner == outer
            || inner != ErrorSetId::OPEN && members(inner).iter().all(|error| self.is_member(*error, outer))
    }

    /// Whether an error belongs to a set that is not the open one.
    pub fn is_member(&self, error: ErrorId, set: ErrorSetId) -> bool {
        self.error_sets[set.0 as usize].members.binary_search(&error).is_ok()
    }

    pub fn struct_type(&self, id: TypeId) -> Option<&StructType> {
        match self.get(id) {
            Type::Struct(index) => Some(&self.structs[index.0 as usize]),
            _ => None,
        }
    }

    pub fn enum_type(&self, id: TypeId) -> Option<&EnumType> {
        match self.get(id) {
            Type::Enum(index) => Some(&self.enums[index.0 as usize]),
            _ => None,
        }
    }

    pub fn union_type(&self, id: TypeId) -> Option<&UnionType> {
        match self.get(id) {
            Type::Union(index) => Some(&self.unions[index.0 as usize]),
            _ => None,
        }
    }

    /// Names of a struct's fields, or of the variants of an enum or union, in order; of any other
    /// type there are none.
    pub fn member_names(&self, id: TypeId) -> Vec<&str> {
        match self.get(id) {
            Type::Struct(index) => self.structs[index.0 as usize].fields.iter().map(|it| it.name.as_str()).collect(),
            Type::Enum(index) => self.enums[index.0 as usize].variants.iter().map(|it| it.0.as_str()).collect(),
            Type::Union(index) => self.unions[index.0 as usize].variants.iter().map(|it| it.name.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Index of a field or variant, the first of that name; none while a struct or union has no
    /// fields yet.
    pub fn find_member(&self, id: TypeId, name: &str) -> Option<usize> {
        let members = &self.members[id.0 as usize];
        if members.get().is_none() {
            let names = self.member_names(id);
            if names.is_empty() {
                return None;
            }
            let by_name = names.into_iter().enumerate().rev().map(|(index, name)| (name.to_owned(), index));
            members.get_or_init(|| by_name.collect());
        }
        members.get()?.get(name).copied()
    }

    /// Takes the fields of a struct or union away, which could not be laid out with them.
    pub fn remove_members(&mut self, id: TypeId) {
        match self.get(id).clone() {
            Type::Struct(index) => self.structs[index.0 as usize].fields.clear(),
            Type::Union(index) => self.unions[index.0 as usize].variants.clear(),
            _ => {}
        }
        self.members[id.0 as usize] = OnceLock::new();
    }

    /// Bytes that a value takes in memory. Structs and unions in it must have their fields already.
    pub fn size(&self, id: TypeId) -> u64 {
        self.memory(id).size
    }

    /// Alignment in bytes, a power of two.
    pub fn align(&self, id: TypeId) -> u64 {
        self.memory(id).align
    }

    /// Offset of a field of a struct, or of an element of a tuple.
    pub fn field_offset(&self, id: TypeId, index: usize) -> u64 {
        self.memory(id).offsets[index]
    }

    /// Whether a value of this type is or holds a managed pointer, string or slice, so copying it
    /// must retain something.
    pub fn holds_managed(&self, id: TypeId) -> bool {
        self.memory(id).holds_managed
    }

    /// Whether a value of this type is or holds a string or slice.
    pub fn holds_buffer(&self, id: TypeId) -> bool {
        self.memory(id).holds_buffer
    }

    /// Where the payload of an optional (that is not a pointer), error union or union lies.
    pub const PAYLOAD_OFFSET: u64 = 8;

    fn memory(&self, id: TypeId) -> &Memory {
        self.memory[id.0 as usize].get_or_init(|| self.compute_memory(id))
    }

    fn compute_memory(&self, id: TypeId) -> Memory {
        let plain = |size, align| {
            let holds_buffer = matches!(self.get(id), Type::Slice(_));
            let holds_managed = holds_buffer || self.is_managed(id);
            Memory { size, align, offsets: Vec::new(), holds_managed, holds_buffer }
        };
        let tagged = |payloads: &mut dyn Iterator<Item = TypeId>, at_least: u64| {
            let (mut size, mut holds_managed, mut holds_buffer) = (at_least, false, false);
            for payload in payloads {
                size = size.max(round_up(self.size(payload), 8));
                holds_managed |= self.holds_managed(payload);
                holds_buffer |= self.holds_buffer(payload);
            }
            let size = size.saturating_add(Self::PAYLOAD_OFFSET);
            Memory { size, align: 8, offsets: Vec::new(), holds_managed, holds_buffer }
        };
        match self.get(id) {
            Type::Void | Type::NoReturn | Type::Erroneous => plain(0, 1),
            Type::Bool => plain(1, 1),
            Type::Int { bits, .. } | Type::Float { bits } => plain(u64::from(*bits) / 8, u64::from(*bits) / 8),
            Type::Pointer(_) | Type::Function { .. } | Type::Error(_) => plain(8, 8),
            Type::Slice(_) => plain(24, 8),
            Type::Enum(index) => {
                plain(self.size(self.enums[index.0 as usize].backing), self.align(self.enums[index.0 as usize].backing))
            }
            Type::Optional(of) if self.is_pointer(*of) => plain(8, 8),
            Type::Optional(of) => tagged(&mut std::iter::once(*of), 0),
            Type::ErrorUnion { payload, .. } => tagged(&mut std::iter::once(*payload), 8),
            Type::Union(index) => {
                tagged(&mut self.unions[index.0 as usize].variants.iter().map(|variant| variant.payload), 0)
            }
            Type::Array { element, length } => {
                let size = self.size(*element).saturating_mul(*length);
                Memory { size, offsets: Vec::new(), ..self.memory(*element).clone() }
            }
            Type::Tuple(elements) => self.compute_fields(elements.iter().copied(), |_| 8, 8),
            Type::Struct(index) => {
                let of = &self.structs[index.0 as usize];
                let fields = of.fields.iter().map(|field| field.ty);
                match of.layout {
                    StructLayout::Ordinary => self.compute_fields(fields, |ty| self.align(ty), 8),
                    StructLayout::Packed => self.compute_fields(fields, |_| 1, 1),
                    StructLayout::Extern => {
                        let align = fields.clone().map(|ty| self.align(ty)).max().unwrap_or(1);
                        self.compute_fields(fields, |ty| self.align(ty), align)
                    }
                }
            }
        }
    }

    fn compute_fields(
        &self,
        fields: impl Iterator<Item = TypeId>,
        align_of: impl Fn(TypeId) -> u64,
        align: u64,
    ) -> Memory {
        let mut memory = Memory { size: 0, align, offsets: Vec::new(), holds_managed: false, holds_buffer: false };
        for ty in fields {
            let start = round_up(memory.size, align_of(ty));
            memory.offsets.push(start);
            memory.size = start.saturating_add(self.size(ty));
            memory.holds_managed |= self.holds_managed(ty);
            memory.holds_buffer |= self.holds_buffer(ty);
        }
        memory.size = round_up(memory.size, align);
        memory
    }

    pub fn is_pointer(&self, id: TypeId) -> bool {
        matches!(self.get(id), Type::Pointer(_))
    }

    pub fn is_int(&self, id: TypeId) -> bool {
        matches!(self.get(id), Type::Int { .. })
    }

    pub fn is_float(&self, id: TypeId) -> bool {
        matches!(self.get(id), Type::Float { .. })
    }

    /// Whether a slot of this type is strong (section 15): `*T` or `?*T` of a struct, union or
    /// enum, or a function value.
    pub fn is_managed(&self, id: TypeId) -> bool {
        match self.get(id) {
            Type::Pointer(to) => matches!(self.get(*to), Type::Struct(_) | Type::Union(_) | Type::Enum(_)),
            Type::Function { .. } => true,
            Type::Optional(of) => {
                matches!(self.get(*of), Type::Pointer(_) | Type::Function { .. }) && self.is_managed(*of)
            }
            _ => false,
        }
    }

    /// The type as it is written in source; what is nested very deep is left out.
    pub fn name(&self, id: TypeId) -> String {
        self.name_nested(id, 8)
    }

    fn name_nested(&self, id: TypeId, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "…".to_owned() };
        let name = |id: TypeId| self.name_nested(id, depth);
        let list = |types: &[TypeId]| types.iter().map(|it| name(*it)).collect::<Vec<_>>().join(", ");
        match self.get(id) {
            Type::Void => "void".to_owned(),
            Type::NoReturn => "noreturn".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::Int { signed, bits } => format!("{}{bits}", if *signed { 'i' } else { 'u' }),
            Type::Float { bits } => format!("f{bits}"),
            Type::Pointer(to) => format!("*{}", name(*to)),
            Type::Optional(of) => format!("?{}", name(*of)),
            Type::ErrorUnion { set: ErrorSetId::OPEN, payload } => format!("!{}", name(*payload)),
            Type::ErrorUnion { set, payload } => {
                format!("{}!{}", self.error_sets[set.0 as usize].name, name(*payload))
            }
            Type::Error(ErrorSetId::OPEN) => "error".to_owned(),
            Type::Error(set) => self.error_sets[set.0 as usize].name.clone(),
            Type::Slice(TypeId::U8) => "string".to_owned(),
            Type::Slice(element) => format!("[]{}", name(*element)),
            Type::Array { element, length } => format!("[{length}]{}", name(*element)),
            Type::Tuple(elements) => format!("({})", list(elements)),
            Type::Struct(index) => self.structs[index.0 as usize].name.clone(),
            Type::Enum(index) => self.enums[index.0 as usize].name.clone(),
            Type::Union(index) => self.unions[index.0 as usize].name.clone(),
            Type::Function { params, result: TypeId::VOID } => format!("fn({})", list(params)),
            Type::Function { params, result } => format!("fn({}) -> {}", list(params), name(*result)),
            Type::Erroneous => "unknown".to_owned(),
        }
    }
}

fn round_up(size: u64, to: u64) -> u64 {
    size.checked_next_multiple_of(to).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_struct(layout: StructLayout, fields: &[TypeId]) -> (Types, TypeId) {
        let mut types = Types::default();
        let fields = fields.iter().map(|ty| Field { name: String::new(), ty: *ty }).collect();
        types.structs.push(StructType { name: "S".to_owned(), layout, fields });
        let id = types.intern(Type::Struct(StructId(0)));
        (types, id)
    }

    #[test]
    fn structs_are_laid_out_as_section_5_says() {
        let fields = [TypeId::U8, TypeId::I32, TypeId::U8];
        let (types, id) = with_struct(StructLayout::Ordinary, &fields);
        assert_eq!((types.size(id), types.align(id)), (16, 8));
        assert_eq!([0, 1, 2].map(|index| types.field_offset(id, index)), [0, 4, 8]);
        let (types, id) = with_struct(StructLayout::Extern, &fields);
        assert_eq!((types.size(id), types.align(id)), (12, 4));
        let (types, id) = with_struct(StructLayout::Packed, &fields);
        assert_eq!((types.size(id), types.align(id)), (6, 1));
        assert_eq!([0, 1, 2].map(|index| types.field_offset(id, index)), [0, 1, 5]);
        let (types, id) = with_struct(StructLayout::Ordinary, &[TypeId::U8]);
        assert_eq!(types.size(id), 8);
    }

    #[test]
    fn composite_types_have_the_sizes_of_section_5() {
        let mut types = Types::default();
        let pointer = types.pointer(TypeId::U8);
        let optional_pointer = types.optional(pointer);
        let optional = types.optional(TypeId::U8);
        let void = types.intern(Type::ErrorUnion { set: ErrorSetId::OPEN, payload: TypeId::VOID });
        let tuple = types.intern(Type::Tuple(vec![TypeId::U8, TypeId::STRING]));
        let sizes = [optional_pointer, optional, void, tuple, TypeId::STRING].map(|it| types.size(it));
        assert_eq!(sizes, [8, 16, 16, 32, 24]);
        assert_eq!(types.field_offset(tuple, 1), 8);
    }
}
