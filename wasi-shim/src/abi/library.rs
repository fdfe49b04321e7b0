//! What a library knows of its own variables, so that it can begin again.

/// What a [`Variable`] is, in [`Variable::kind`].
///
/// Bytes that translated code alone writes.
pub const VARIABLE_BYTES: u64 = 0;
/// A [`Table`](super::table::Table), whose entries may have moved.
pub const VARIABLE_TABLE: u64 = 1;
/// A [`Memory`](super::memory::Memory): it stays where it is.
pub const VARIABLE_MEMORY: u64 = 2;

record! {
    /// Something that code or runtime changes, and its contents at the start. A row with null ends
    /// the list.
    pub struct Variable from VariableFields {
        pub place: *mut u8,
        /// Null: all zero.
        pub initial: *const u8,
        /// Bytes.
        pub length: u64,
        pub kind: u64,
    }
}
