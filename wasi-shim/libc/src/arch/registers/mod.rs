//! The registers that blocks of memory are moved with, and the functions that use them.
//!
//! [`processor`] is the file of the processor that the library is built for. A port adds a file
//! beside it, with the same names, and a line here. This module belongs to `memory`.

/// Begins sections at a line of the cache, and so the functions that are alone in them: one that
/// crosses a line before its first jump takes a third longer for a few bytes.
macro_rules! align_sections {
    ($($name:literal)*) => {
        core::arch::global_asm!($(
            concat!(".pushsection ", $name, ", \"ax\", @progbits"),
            ".p2align 6",
            ".popsection",
        )*);
    };
}

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
pub mod processor;

pub(super) use align_sections;
