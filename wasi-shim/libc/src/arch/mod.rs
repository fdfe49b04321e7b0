//! What knows the processor: the first instructions, the system call, the thread pointer, and where
//! a thread begins and ends without a stack.
//!
//! [`processor`] is the file of the processor that the library is built for. A port adds a file
//! beside it, with the same names, and a line here. The folder `registers` belongs to `memory`,
//! which declares it.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[macro_use]
pub mod processor;

/// Where thread-local data lie (Drepper, "ELF Handling for Thread-Local Storage", section 3).
#[derive(Clone, Copy, PartialEq, Eq)]
// A processor has one of them.
#[allow(dead_code)]
pub enum TlsVariant {
    /// Above two words at the thread pointer, which belong to the library.
    One,
    /// Up to the thread pointer. The word there holds its own address.
    Two,
}

/// What a thread is started with, for [`processor::spawn`].
#[repr(C)]
pub struct Spawn {
    /// The first byte after its stack.
    pub stack: usize,
    pub thread_pointer: usize,
    /// Gets the thread's number before it runs, and 0 when it has ended.
    pub number: usize,
    /// What it runs, and with what.
    pub function: unsafe extern "C" fn(usize) -> !,
    pub argument: usize,
}
