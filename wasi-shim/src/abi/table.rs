//! Tables, their entries, and the identity of a function's signature.

/// The most bytes that the tables of a program or a library may take together, where the user sets
/// neither a limit for them nor one for memory.
pub const DEFAULT_MAX_TABLE: u64 = 1 << 30;

/// Prefix of the symbols that identify signatures; the encoded type follows (see
/// `wasm::structure`).
pub const SIGNATURE_PREFIX: &str = "w2n.sig.";

/// Distance from a function's entry back to the 32-bit offset of its signature identity.
pub const SIGNATURE_FIELD_BEFORE_ENTRY: i32 = 4;

record! {
    /// A table. `base` points at the initial entries, which are data of the object; `table.grow`
    /// moves them.
    pub struct Table from TableFields {
        pub base: *mut u8,
        /// Number of entries now.
        pub length: u64,
        /// Largest number of entries that `table.grow` may reach.
        pub maximum: u64,
        /// Bytes per entry: [`FUNC_ENTRY_SIZE`] or [`REF_ENTRY_SIZE`].
        pub entry_size: u64,
        /// Entries that fit at `base` before `table.grow` must move them.
        pub capacity: u64,
    }
}

record! {
    /// The initial entries of a table, as data of the object. They begin a page; the page before
    /// them holds nothing, and the runtime makes it inaccessible.
    pub struct TableEntries from TableEntriesFields {
        /// Null in the row that ends the list.
        pub first: *const u8,
        pub bytes: u64,
    }
}

record! {
    /// A table entry of function type.
    pub struct FuncEntry from FuncEntryFields {
        /// Entry of the function; 0 is null.
        pub code: usize,
        /// Signature identity of the function; 0 where `code` is 0.
        pub signature: usize,
    }
}

pub const FUNC_ENTRY_SIZE: u64 = 16;
pub const REF_ENTRY_SIZE: u64 = 8;
