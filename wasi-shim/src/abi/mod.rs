//! The contract between the compiler and the runtime.
//!
//! The compiler (`src/layout/`, `src/object/`) writes these records as data of the object file;
//! the runtime reads them. Both crates compile the same files, so no symbol name, offset or trap
//! number is written twice. Every record is `#[repr(C)]`.
//!
//! Invariants:
//! * A function reference (`funcref`, the first word of a table entry) is the address of the
//!   function's entry in the internal calling convention. Null is 0.
//! * The four bytes before such an entry hold, as a signed 32-bit number, the distance from the
//!   entry to the function's *signature identity*: the address of a symbol that is named after the
//!   structural type ([`table::SIGNATURE_PREFIX`]) and merged by the linker. The number is the same
//!   everywhere, but each format expresses it in its own way: ELF as the distance from the field
//!   minus 4, COFF as a relative address, which counts from the end of the field, Mach-O as the
//!   difference of two symbols. ELF and Mach-O merge weak symbols; COFF merges sections of one
//!   symbol (COMDAT, any).
//! * Numbers in records have the byte order of the target. Bytes of linear memories and of
//!   [`value::Value`]s are little-endian.
//! * Addresses of Wasm memories never move: a memory is reserved once and grows in place.

#[macro_use]
pub mod record;

pub mod c_library;

pub mod builtin;

pub mod trap;

pub mod value;

pub mod memory;

pub mod table;

pub mod object;

pub mod exception;

pub mod foreign;

pub mod frame;

pub mod image;

pub mod library;

pub mod script;

pub mod profile;

pub mod feature;

pub mod program;

pub mod config;

pub mod instance;

pub mod words;

pub mod grant;

pub mod setting;

#[macro_use]
pub mod wasi;

#[macro_use]
pub mod shim;
