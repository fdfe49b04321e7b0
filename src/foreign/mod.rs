//! Declarations of imported C functions: what a function really takes where the Wasm type only says
//! `i32`.
//!
//! Comes in: lines of text, from the command line, from files, and from the module's custom section
//! `wasm2native.imports`. Goes out: [`Foreign`], which says for every declared import how each
//! value crosses the edge to C. An import without a declaration is called with its Wasm values as
//! they are.
//!
//! # The language of declarations
//!
//! ```ebnf
//! file        = { [ declaration ] [ "#" text ] newline } ;
//! declaration = import [ "=" symbol ] ":" signature ;
//! import      = word "." word | string "." string ;          (* module.name; strings where names hold blanks, `:`, `=`, `#` *)
//! signature   = "(" [ list ] ")" [ "->" type ] ;
//! list        = parameter { "," parameter } [ "," variadic ] | variadic ;
//! parameter   = [ name ":" ] type ;
//! variadic    = "..." { "," type }                           (* one by one: the types of what follows *)
//!             | "..." "(" [ type { "," type } ] ")" ;        (* in a buffer: the types of what it holds *)
//! type        = base [ "as" ( "i32" | "i64" ) ] ;
//! base        = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "isize" | "usize" | "long" | "ulong"
//!             | "f32" | "f64" | "v128" | "ref" | "void"
//!             | "opaque" [ "[" mark { "," mark } "]" ]   (* what it points to; the function frees it *)
//!             | "ptr" [ "[" extent "]" ] [ "@" item ]        (* item: which memory, by name or number *)
//!             | "anyptr" [ "@" item ]
//!             | "cstr" [ "@" item ]
//!             | "fmt" [ "[" ( "printf" | "scanf" ) "]" ] [ "@" item ]
//!             | "funcptr" "(" signature ")" [ "@" item ] ;   (* item: which table *)
//! extent      = "len" "=" factor { "*" factor } [ "," "size" "=" number ] | "size" "=" number ;
//! factor      = [ "*" ] ( name | number ) ;                  (* a parameter, the first is 0; with a star, the u32 that it points to *)
//! mark        = "kind" "=" word | "last" ;
//! item        = word | string | number ;
//! ```
//!
//! # What the types mean
//!
//! * **Integers** are what C takes and returns. The Wasm value, an `i32` or an `i64`, is cut to
//!   their width or extended to it: with its sign, or with zeros where the type is unsigned.
//!   Results likewise. `isize` and `usize` have 64 bits, `long` and `ulong` what the target's
//!   `long` has.
//! * **`ptr`** is an address in a linear memory. 0 is the null pointer and stays it; any other
//!   becomes base + address, and must be below the memory's size. With `len=`, the bytes from there
//!   must be inside: as many as the product of the named parameters and `size`; with `size=`
//!   alone, that many. The number that counts is the one that C receives. As a
//!   result, a host address inside the memory, or its end, becomes its distance from the base, null
//!   becomes 0, and any other traps.
//! * **`cstr`** is a `ptr` to a string, whose terminating zero must be inside.
//! * **`opaque`** is a host pointer that the module may keep, pass on and compare, but not look
//!   into: it sees a number that stands for it, from 1 upwards, in an `i32` as in an `i64`; null is
//!   0. A number that was never handed out traps, so that a module can't forge one. So does one of
//!   another `kind`: what `fopen: (cstr, cstr) -> opaque[kind=FILE]` returns is taken by
//!   `opaque[kind=FILE]` only. With `last` the number is invalid from the call on, so that
//!   a module can't use what `fclose: (opaque[kind=FILE,last]) -> i32` has freed.
//! * **`anyptr`** is a `ptr` where the pointer lies inside the memory (or at its end), and as
//!   `opaque` elsewhere, with a number that is not an address: 2³² (in an `i64`: 2⁶⁴) less that of
//!   `opaque`. A memory that reached up there would hide it.
//! * **`funcptr`** is an index in a table (or a `funcref`). It becomes a pointer to a C function of
//!   that signature, valid until the program ends, the same one for the same function. Null is
//!   index 0 where the table holds null there, as compilers have it. The function must have the
//!   Wasm type that the signature stands for: `i64`, `u64`, floats and vectors as they are,
//!   integers below 64 bits as `i32`, all that has a pointer's size in C as the index type of the
//!   memory; `as` says otherwise. In the signature a pointer is `ptr` or `opaque`. A `ptr` from C
//!   must point into the memory, as those that `qsort` and `bsearch` hand to their comparators do
//!   on every system: C (C17, 7.22.5) promises that they are elements of the array.
//! * **`...`** stands for variable arguments. Types listed after it are those of the Wasm
//!   parameters that follow, passed one by one; each list of types needs an import and a
//!   declaration: under the same name, or `env.print2=printf: …`. In parentheses, or with nothing
//!   after it, the arguments are where clang puts them: one Wasm parameter is the address of a
//!   buffer in linear memory, in which each argument stands at its natural alignment. Listed types
//!   say what it holds; without, the format string does: the parameter `fmt`, else the last `cstr`.
//!   Buffers are read by the types that C has in a module: `long` and pointers are as wide as an
//!   address.
//!
//! To add a type: a word in `parse.rs`, a variant here, its Wasm types in `check.rs`, its way
//! across in `translate::foreign`.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod check;
pub mod parse;
pub mod prototypes;

use crate::wasm::{FuncIndex, MemoryIndex, Module, TableIndex, TypeIndex};
use cranelift_entity::{PrimaryMap, entity_impl};
use std::collections::HashMap;
use wasmparser::ValType;

/// Declarations of the C library's functions, as C compilers import them.
pub const LIBRARY: &str = include_str!("libc.imports");

/// Custom section with declarations, one a line.
pub const SECTION: &str = "wasm2native.imports";

/// Index of a kind of function pointer: a signature with the Wasm type that it stands for.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallbackIndex(u32);
entity_impl!(CallbackIndex, "callback");

/// How values cross the edge to C, for all imports of a module that are declared.
#[derive(Default)]
pub struct Foreign {
    pub functions: HashMap<FuncIndex, ForeignFunction>,
    pub callbacks: PrimaryMap<CallbackIndex, Callback>,
}

/// A declared import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignFunction {
    /// It was declared by the user, not by the module.
    pub by_user: bool,
    /// The C symbol, where the declaration names one.
    pub symbol: Option<String>,
    /// Fixed parameters.
    pub params: Vec<Type>,
    pub variadic: Variadic,
    pub result: Option<Type>,
}

/// A C function that C code calls, and the Wasm function that it calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Callback {
    pub ty: TypeIndex,
    pub params: Vec<Type>,
    pub result: Option<Type>,
}

/// What a value is in C.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Integer(Integer),
    F32,
    F64,
    V128,
    /// A Wasm reference, passed as it is.
    Reference,
    Pointer(MemoryIndex, Extent),
    Opaque(Handle),
    /// In a table, or of type `funcref`.
    Function(CallbackIndex, Option<TableIndex>),
}

/// A host pointer that the module knows by a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Handle {
    /// What it points to; empty where nothing is said.
    pub kind: String,
    /// The function frees what it points to.
    pub is_last: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Integer {
    /// 8, 16, 32 or 64.
    pub bits: u8,
    pub signed: bool,
}

/// How many bytes from a pointer on must be inside of the memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    Byte,
    /// Nothing: the pointer may as well point elsewhere, and is a handle then.
    Anywhere,
    /// A string with its end.
    String,
    /// The product of parameters and a constant, in bytes.
    Bytes {
        factors: Vec<Factor>,
        size: u64,
    },
}

/// A parameter that says a length.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Factor {
    pub param: u32,
    /// It is a pointer to the number, as the `socklen_t *` of `accept`.
    pub indirect: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variadic {
    /// There are no variable arguments.
    None,
    /// A Wasm parameter each.
    Listed(Vec<Type>),
    /// One Wasm parameter is the address of a buffer with these values.
    Buffer(Vec<VaSlot>, VaBuffer),
    /// One Wasm parameter is the address of a buffer, and a format string says what it holds.
    Formatted(FormatString, VaBuffer),
}

/// A value in a buffer of variable arguments, and the Wasm type in which it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaSlot {
    pub ty: Type,
    pub wasm: ValType,
}

/// Which parameter is the format string, and of what kind.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct FormatString {
    pub param: u32,
    pub kind: FormatKind,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum FormatKind {
    Printf,
    Scanf,
}

/// A buffer of variable arguments.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct VaBuffer {
    pub memory: MemoryIndex,
    /// Addresses, and so `long`, have 64 bits.
    pub is_64: bool,
}

impl Foreign {
    /// The declaration of an imported function.
    pub fn function(&self, func: FuncIndex) -> Option<&ForeignFunction> {
        self.functions.get(&func)
    }

    /// The kinds of function pointers that a call of `func` hands to C, each with the table that it
    /// comes from.
    pub fn callbacks_of(&self, func: FuncIndex) -> impl Iterator<Item = (CallbackIndex, Option<TableIndex>)> {
        self.function(func).into_iter().flat_map(ForeignFunction::types).filter_map(|ty| match ty {
            Type::Function(callback, table) => Some((*callback, *table)),
            _ => None,
        })
    }
}

impl Handle {
    /// The kind as a number, the same in all modules of a program (FNV-1a, 64 bits).
    pub fn kind_number(&self) -> u64 {
        self.kind
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

impl ForeignFunction {
    fn types(&self) -> impl Iterator<Item = &Type> {
        let (listed, slots) = match &self.variadic {
            Variadic::Listed(types) => (types.as_slice(), &[][..]),
            Variadic::Buffer(slots, _) => (&[][..], slots.as_slice()),
            Variadic::None | Variadic::Formatted(..) => (&[][..], &[][..]),
        };
        self.params.iter().chain(listed).chain(slots.iter().map(|slot| &slot.ty))
    }
}

/// The memory that is meant where none is named: the one exported as `memory`, else the first.
pub fn default_memory(module: &Module) -> Option<MemoryIndex> {
    match module.export("memory") {
        Some(crate::wasm::EntityIndex::Memory(memory)) => Some(memory),
        _ => module.memories.keys().next(),
    }
}
