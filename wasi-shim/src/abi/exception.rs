//! Exceptions and the tables by which the runtime finds their handlers.

use super::record::Padding;

record! {
    /// An exception tag. Its address is its identity: one per tag that a module defines, and
    /// importers refer to that one.
    pub struct Tag from TagFields {
        /// UTF-8, ended by a zero byte; empty if it has no name.
        pub name: *const u8,
        /// Index in the module that defines it.
        pub index: u32,
        pub padding: Padding<4>,
    }
}

/// A thrown exception. An `exnref` is its address; null is 0. Its values follow, a
/// [`Value`](super::value::Value) each.
#[repr(C, align(16))]
pub struct Exception {
    pub tag: *const Tag,
    /// Number of values.
    pub length: u32,
    /// The runtime's own.
    pub link: u32,
}

record! {
    /// A call inside the body of a `try`: where it returns to, and which handlers are around it,
    /// the innermost first. The array is sorted by return address.
    pub struct TryCall from TryCallFields {
        /// Offset of the return address from [`Image::text`](super::image::Image::text).
        pub return_address: u32,
        /// Distance from the frame pointer down to the stack pointer that the handlers expect.
        pub frame_size: u32,
        /// Index of the first handler in [`Image::handlers`](super::image::Image::handlers).
        pub handlers: u32,
    }
}

record! {
    /// Where an exception lands. Its address is handed over in the first payload register of
    /// Cranelift's `Tail` convention: `rax` on x86-64, `x0` on aarch64, `a0` on riscv64, `r6` on
    /// s390x.
    pub struct Handler from HandlerFields {
        /// Index in [`Image::tags`](super::image::Image::tags), or [`ANY_TAG`]; with
        /// [`LAST_HANDLER`] added where the call has no more handlers.
        pub tag: u32,
        /// Offset from [`Image::text`](super::image::Image::text).
        pub landing: u32,
    }
}

pub const ANY_TAG: u32 = (1 << 31) - 1;
pub const LAST_HANDLER: u32 = 1 << 31;
