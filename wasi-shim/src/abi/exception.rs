//! Exceptions and the tables by which the runtime finds their handlers.

use super::object::TypeRecord;

/// A thrown exception: an object whose type is its tag, followed by its values, see
/// [`object`](super::object). An `exnref` is its address; null is 0.
#[repr(C)]
pub struct Exception {
    /// One record for each tag that a module defines, without a display. Its address is the tag's
    /// identity, and importers refer to that one.
    pub tag: *const TypeRecord,
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
