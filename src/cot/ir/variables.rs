//! What debuggers are told of variables: which they are, where they are, and how their types lie in
//! memory. Made with `-g` only.

use super::{Value, Variable};

/// An index of [`Variables::shapes`](crate::cot::ir::module::Variables::shapes).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId(pub u32);

/// How the values of a type lie in memory.
#[derive(Clone, Debug)]
pub struct Shape {
    /// As in the source.
    pub name: String,
    /// Bytes.
    pub size: u64,
    pub kind: ShapeKind,
}

#[derive(Clone, Debug)]
pub enum ShapeKind {
    Bool,
    Signed,
    Unsigned,
    /// A byte, which may be one of a text.
    Character,
    Float,
    /// An address, of which the upper half is zero.
    Pointer(ShapeId),
    Structure(Vec<Member>),
    /// One of these.
    Union(Vec<Member>),
    Array {
        element: ShapeId,
        length: u64,
    },
    Enumeration(Vec<(String, i128)>),
}

/// A part of a structure or union.
#[derive(Clone, Debug)]
pub struct Member {
    /// Empty where debuggers shall show the members of the member.
    pub name: String,
    pub shape: ShapeId,
    /// Bytes from the start of the value around.
    pub offset: u64,
}

/// A local or global of the source. `P`: its place.
#[derive(Clone, Debug)]
pub struct Described<P> {
    pub name: String,
    pub shape: ShapeId,
    pub is_param: bool,
    /// The bytes of the function's file for which it is there; none: the whole function.
    pub scope: Option<Extent>,
    pub place: P,
}

/// From the first byte up to the last. Scopes of a function contain each other or are apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extent {
    pub start: u32,
    pub end: u32,
}

/// Where a local is in a function that is not in SSA form.
#[derive(Clone, Debug)]
pub enum Place {
    Parts(Vec<(Variable, Part)>),
    /// In the frame, at this offset.
    Frame(u32),
    /// At an address that is a parameter of the function.
    Behind(Value),
}

/// A part of a value, in bytes of its type's [`Shape`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub offset: u32,
    pub size: u32,
    pub kind: PartKind,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The bytes of a number.
    Plain,
    /// An unsigned number that has fewer bytes than the part.
    Extended,
    /// 0 for success, else the number of an error plus one: whether there is an error.
    IsError,
    /// If the last such part says that there is an error, its number; otherwise the bytes of a
    /// number, which the error shares its place with. `from`: where in the place the part begins.
    OrError { from: u32 },
    /// The same, with nothing but an error.
    ErrorNumber,
}

/// Where a variable is in a module.
#[derive(Clone, Debug)]
pub enum Location {
    /// Parts in locals of WebAssembly.
    Parts(Vec<(u32, Part)>),
    /// In memory: so many bytes from the address that a local holds.
    Memory { local: u32, offset: u32 },
    /// At an address.
    Static(u32),
}

/// The locals of a function of a module.
#[derive(Clone, Debug)]
pub struct Locals {
    /// Index of the function.
    pub function: u32,
    pub described: Vec<Described<Location>>,
    /// The code of each scope: byte offsets in the module, from the first up to the last.
    pub scopes: Vec<(Extent, Vec<(u32, u32)>)>,
}
