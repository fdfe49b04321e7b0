//! What debuggers are told of the variables of a program: shapes of types, and places.

use super::Lowering;
use super::function::{Body, Storage};
use super::repr::{Leaf, LeafKind};
use crate::cot::ir::variables::{Described, Extent, Member, Part, PartKind, Place, Shape, ShapeId, ShapeKind};
use crate::cot::ir::{Access, Variable};
use crate::cot::typed::{GlobalId, Local, Ownership};
use crate::cot::types::{ErrorId, ErrorSetId, StructId, Type, TypeId, Types, UnionId};

/// A word of memory.
const WORD: u64 = 8;

impl Lowering<'_> {
    /// Notes a global.
    pub fn describe_global(&mut self, id: GlobalId, address: u32) {
        let global = &self.program.globals[id.0 as usize];
        if self.options.debug && self.sources.get(global.span.file).path.is_some() {
            let shape = self.shape(global.ty);
            let described =
                Described { name: global.name.clone(), shape, is_param: false, scope: None, place: address };
            self.module.variables.globals.push(described);
        }
    }

    /// The shape of a type, which may be asked for while it is made: of a list, for one.
    fn shape(&mut self, ty: TypeId) -> ShapeId {
        if let Some(known) = self.shapes.get(&ty) {
            return *known;
        }
        let types = &self.program.types;
        let (name, size) = (types.name(ty), types.size(ty));
        let id = self.add_shape(name, size, ShapeKind::Unsigned);
        self.shapes.insert(ty, id);
        let kind = self.kind(ty);
        self.module.variables.shapes[id.0 as usize].kind = kind;
        id
    }

    fn add_shape(&mut self, name: String, size: u64, kind: ShapeKind) -> ShapeId {
        let shapes = &mut self.module.variables.shapes;
        shapes.push(Shape { name, size, kind });
        ShapeId(shapes.len() as u32 - 1)
    }

    fn kind(&mut self, ty: TypeId) -> ShapeKind {
        let program = self.program;
        let types = &program.types;
        match types.get(ty) {
            Type::Bool => ShapeKind::Bool,
            Type::Int { signed: true, .. } => ShapeKind::Signed,
            Type::Int { bits: 8, .. } => ShapeKind::Character,
            Type::Float { .. } => ShapeKind::Float,
            Type::Pointer(to) => ShapeKind::Pointer(self.shape(*to)),
            Type::Optional(of) if types.is_pointer(*of) => self.kind(*of),
            Type::Optional(of) => self.optional(*of),
            Type::ErrorUnion { set, payload } => self.error_union(*set, *payload),
            Type::Error(set) => ShapeKind::Enumeration(self.errors(*set)),
            Type::Slice(element) => self.slice(*element),
            Type::Array { element, length } => ShapeKind::Array { element: self.shape(*element), length: *length },
            Type::Tuple(elements) => self.fields(ty, elements.iter().enumerate().map(|it| (it.0.to_string(), *it.1))),
            Type::Struct(StructId(index)) => {
                let fields = &types.structs[*index as usize].fields;
                self.fields(ty, fields.iter().map(|field| (field.name.clone(), field.ty)))
            }
            Type::Enum(index) => ShapeKind::Enumeration(types.enums[index.0 as usize].variants.clone()),
            Type::Union(index) => self.union(*index),
            // The address of an object of which the compiler alone knows what is in it.
            Type::Int { .. } | Type::Function { .. } | Type::Void | Type::NoReturn | Type::Erroneous => {
                ShapeKind::Unsigned
            }
        }
    }

    fn fields(&mut self, ty: TypeId, fields: impl Iterator<Item = (String, TypeId)>) -> ShapeKind {
        let members = fields.enumerate().map(|(index, (name, field))| {
            let offset = self.program.types.field_offset(ty, index);
            Member { name, shape: self.shape(field), offset }
        });
        ShapeKind::Structure(members.collect())
    }

    /// A word that is not zero where there is something, in front of it.
    fn tag(&mut self, name: &str) -> Member {
        let shape = self.add_shape("bool".to_owned(), WORD, ShapeKind::Bool);
        Member { name: name.to_owned(), shape, offset: 0 }
    }

    fn payload(&mut self, name: &str, ty: TypeId) -> Option<Member> {
        let offset = Types::PAYLOAD_OFFSET;
        (self.program.types.size(ty) > 0).then(|| Member { name: name.to_owned(), shape: self.shape(ty), offset })
    }

    fn optional(&mut self, of: TypeId) -> ShapeKind {
        let mut members = vec![self.tag("is_some")];
        members.extend(self.payload("value", of));
        ShapeKind::Structure(members)
    }

    fn error_union(&mut self, set: ErrorSetId, payload: TypeId) -> ShapeKind {
        let mut members = vec![self.tag("is_error")];
        members.extend(self.payload("value", payload));
        let shape = self.error_shape(set);
        members.push(Member { name: "error".to_owned(), shape, offset: Types::PAYLOAD_OFFSET });
        ShapeKind::Structure(members)
    }

    /// The shape of an error inside of an error union, once for each set.
    fn error_shape(&mut self, set: ErrorSetId) -> ShapeId {
        if let Some(known) = self.error_shapes.get(&set) {
            return *known;
        }
        let kind = ShapeKind::Enumeration(self.errors(set));
        let name = self.program.types.error_sets[set.0 as usize].name.clone();
        let shape = self.add_shape(name, WORD, kind);
        self.error_shapes.insert(set, shape);
        shape
    }

    /// Names of errors with their numbers.
    fn errors(&self, set: ErrorSetId) -> Vec<(String, i128)> {
        let types = &self.program.types;
        let named = |error: ErrorId| (types.error_names[error.0 as usize].clone(), i128::from(error.0));
        match set {
            ErrorSetId::OPEN => (0..types.error_names.len() as u32).map(|number| named(ErrorId(number))).collect(),
            set => types.error_sets[set.0 as usize].members.iter().map(|error| named(*error)).collect(),
        }
    }

    fn slice(&mut self, element: TypeId) -> ShapeKind {
        let element_shape = self.shape(element);
        let name = format!("*{}", self.program.types.name(element));
        let pointer = self.add_shape(name, WORD, ShapeKind::Pointer(element_shape));
        let length = self.shape(TypeId::I64);
        let member = |name: &str, shape, offset| Member { name: name.to_owned(), shape, offset };
        ShapeKind::Structure(vec![
            member("ptr", pointer, 0),
            member("len", length, WORD),
            member("cap", length, 2 * WORD),
        ])
    }

    fn union(&mut self, UnionId(index): UnionId) -> ShapeKind {
        let program = self.program;
        let union = &program.types.unions[index as usize];
        let names = union.variants.iter().map(|variant| variant.name.clone()).zip(0..).collect();
        let tag = self.add_shape(format!("{}.tag", union.name), WORD, ShapeKind::Enumeration(names));
        let payloads: Vec<Member> = union
            .variants
            .iter()
            .filter_map(|variant| self.payload(&variant.name, variant.payload))
            .map(|member| Member { offset: 0, ..member })
            .collect();
        let sizes = payloads.iter().map(|member| self.module.variables.shapes[member.shape.0 as usize].size);
        let size = sizes.max().unwrap_or(0);
        let mut members = vec![Member { name: "tag".to_owned(), shape: tag, offset: 0 }];
        if size > 0 {
            let shape = self.add_shape(String::new(), size, ShapeKind::Union(payloads));
            members.push(Member { name: String::new(), shape, offset: Types::PAYLOAD_OFFSET });
        }
        ShapeKind::Structure(members)
    }
}

impl Body<'_, '_> {
    /// Notes a local whose place is known, unless the compiler made it up or nobody has its source.
    pub fn describe_local(&mut self, local: &Local, storage: &Storage, is_param: bool) {
        if !self.lowering.options.debug || local.name.is_empty() || self.b.function.position.is_none() {
            return;
        }
        let place = match storage {
            Storage::Variables(variables) => {
                let leaves = self.leaves(local.ty).unwrap_or_default();
                Place::Parts(parts(&leaves, variables))
            }
            Storage::Frame(offset) => Place::Frame(*offset),
            Storage::Address(address) => Place::Behind(*address),
        };
        let shape = match local.ownership {
            // What it holds is a cell that knows whether the object lives.
            Ownership::Weak | Ownership::Unowned => self.lowering.shape(TypeId::U64),
            _ => self.lowering.shape(local.ty),
        };
        let scope = if is_param { None } else { self.scope_of_locals };
        let described = Described { name: local.name.clone(), shape, is_param, scope, place };
        self.b.function.described.push(described);
    }

    /// The bytes of the source up to which locals are there that a statement declares.
    pub fn with_scope<T>(&mut self, scope: Option<Extent>, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.scope_of_locals, scope);
        let result = run(self);
        self.scope_of_locals = before;
        result
    }
}

/// The parts of a value that leaves are.
fn parts(leaves: &[Leaf], variables: &[Variable]) -> Vec<(Variable, Part)> {
    let mut parts = Vec::new();
    // Where the number of an error would be.
    let mut error: Option<u32> = None;
    for (number, (leaf, variable)) in leaves.iter().zip(variables).enumerate() {
        let part = |offset, size, kind| (*variable, Part { offset, size, kind });
        let next = leaves.get(number + 1).map_or(u32::MAX, |next| next.offset);
        match leaf.kind {
            LeafKind::Plain(access) => {
                let shared = error.filter(|place| (*place..place + 8).contains(&leaf.offset));
                parts.push(match shared {
                    Some(place) => {
                        let end = next.min(place + 8).max(leaf.offset + access.size());
                        part(leaf.offset, end - leaf.offset, PartKind::OrError { from: leaf.offset - place })
                    }
                    None if access == Access::Pointer => part(leaf.offset, 8, PartKind::Extended),
                    None => part(leaf.offset, access.size(), PartKind::Plain),
                });
            }
            LeafKind::ErrorCode => {
                parts.push(part(leaf.offset, 8, PartKind::IsError));
                let place = leaf.offset + 8;
                if next >= place + 8 {
                    parts.push(part(place, 8, PartKind::ErrorNumber));
                }
                error = Some(place);
            }
        }
    }
    parts
}
