//! Objects of garbage-collected types (core specification, 4.2.11 "Structure Instances" and the
//! following), their types, and where code takes memory for them.
//!
//! A reference of the hierarchies `any` and `exn` is one word: 0 is null, a word with bit 0 set is
//! an immediate, all others are addresses of objects. Objects never move. An object begins with a
//! word, the address of its [`TypeRecord`]. The fields of a struct follow in their order, each at a
//! multiple of its size, or of 8 where it has 16 bytes. An array has its length there, 4 bytes, and
//! its first element at [`TypeRecord::first`]. An exception is a struct of its tag's values, and
//! its record is the tag.
//!
//! Immediates: an `i31` is its 31 bits times 2, plus 1. A word `h` below 2^62 of the host, which
//! `any.convert_extern` made a reference, is `h` times 2, plus 1, plus 2^63. Other words of the
//! host are kept in objects of [`KIND_HOST`].

use core::ffi::c_void;
use core::sync::atomic::AtomicPtr;

/// Prefix of the symbols of [`TypeRecord`]s; the encoded type follows (see `wasm::structure`).
pub const TYPE_PREFIX: &str = "w2n.type.";

/// Name of the hidden symbol of a [`Heap`], of which the linker keeps one.
pub const HEAP_SYMBOL: &str = "w2n_heap";

/// [`TypeRecord::kind`].
pub const KIND_STRUCT: u32 = 1;
pub const KIND_ARRAY: u32 = 2;
pub const KIND_EXCEPTION: u32 = 3;
/// Of the runtime's own: a word of the host follows the header.
pub const KIND_HOST: u32 = 4;

/// The bit that tells immediates from addresses.
pub const IMMEDIATE: u64 = 1;
/// The bit that, of immediates, tells words of the host from an `i31`.
pub const HOST_WORD: u64 = 1 << 63;
/// Words of the host from here on are kept in objects; and the bit that an `i31` has as a word of
/// the host, above its 31 bits.
pub const WIDE_HOST_WORD: u64 = 1 << 62;

/// The abstract types, by the numbers that [`CastFailure`](super::builtin::Builtin::CastFailure)
/// gets in place of a record.
pub const ABSTRACT_TYPES: [&str; 9] = ["any", "eq", "i31", "struct", "array", "none", "func", "extern", "exn"];

/// Where the length of an array lies.
pub const ARRAY_LENGTH: u32 = 8;

/// Bytes of a [`TypeRecord`], after which its display begins.
pub const TYPE_RECORD_SIZE: u32 = 56;

/// Addresses in the display of a type without more supertypes.
pub const DISPLAY: u32 = 8;

record! {
    /// A type of objects. One symbol for each type of the program, whichever module declares it, so
    /// that its address is its identity. The display follows: the addresses of the records of its
    /// supertypes in the order from the one that has none, then its own; as many as
    /// [`TypeRecord::depth`] says and one more, and null up to [`DISPLAY`].
    pub struct TypeRecord from TypeRecordFields {
        pub kind: u32,
        /// How many supertypes it has.
        pub depth: u32,
        /// Bytes of a struct or an exception with its header; of an array's element.
        pub size: u32,
        /// Where the first element of an array begins; 0 of others.
        pub first: u32,
        /// Which of the 64 words after the header of a struct or an exception hold references: bit
        /// 0 stands for the first. 1 if the elements of an array are references, else 0.
        pub references: u64,
        /// The same of the words that follow those, 64 in a number.
        pub more: *const u64,
        pub n_more: u64,
        /// As messages show it, with control characters escaped, ended by a zero byte; of a tag its
        /// name, which may be empty.
        pub name: *const u8,
        /// Index in the module that declares it, for what has no name.
        pub index: u32,
        pub padding: super::record::Padding<4>,
    }
}

const _: () = assert!(size_of::<TypeRecord>() == TYPE_RECORD_SIZE as usize);

/// Sizes up to this many bytes are taken from [`Heap::runs`] without a call.
pub const LARGEST_IN_RUNS: u32 = 512;

/// A run for each multiple of 8 up to [`LARGEST_IN_RUNS`], and for 0, which is never used.
pub const N_RUNS: usize = LARGEST_IN_RUNS as usize / 8 + 1;

/// Free cells that follow each other. Code takes the first by adding the size of a cell to `next`,
/// if that does not exceed `end`; otherwise it calls
/// [`Allocate`](super::builtin::Builtin::Allocate).
#[repr(C)]
pub struct Run {
    pub next: usize,
    pub end: usize,
}

/// Where the code of a program, or of an instance of a library, takes memory for objects. All zero
/// at the start.
#[repr(C)]
pub struct Heap {
    /// By the size of an object in words of 8 bytes, whose cell has [`cell_size`] bytes.
    pub runs: [Run; N_RUNS],
    /// What the runtime knows of it; null before the first object.
    pub state: AtomicPtr<c_void>,
    /// `unsafe extern "C" fn(*mut Heap)`, which gives all back; null before the first object.
    pub release: AtomicPtr<c_void>,
}

/// Bytes of the cell for an object of so many bytes, which are [`LARGEST_IN_RUNS`] at most: a
/// multiple of 8 up to 128, of 16 up to 256, then of an eighth of the power of two below it.
pub const fn cell_size(bytes: u32) -> u32 {
    let step = match bytes {
        0..=128 => 8,
        129..=256 => 16,
        _ => 32,
    };
    bytes.next_multiple_of(step)
}
