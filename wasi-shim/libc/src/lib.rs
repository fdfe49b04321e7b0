//! The C library of programs that call no C: the names of C that Rust's standard library, the
//! runtime and translated code ask for, and no others.
//!
//! Comes in: a process as Linux starts it. Goes out: `main`, called as C calls it, and functions
//! with the names, parameters and results of the C library. A name that is missing is an error of
//! the link. `docs/runtime.md` tells what is here and what is not.
//!
//! Everything is built as one object, of which a link takes the functions that are called.
//! Functions with variable arguments (`syscall`, `open64`, `mremap`, `prctl`) have fixed ones here:
//! both processors pass integers of either kind in the same registers.
//!
//! The modules import only from those above them; `tests/tidy` checks that.

#![no_std]
// Keeps the compiler from making calls of `memcpy` and `memset` of the loops in these functions,
// and of those that run before the program is relocated.
#![no_builtins]

mod word;

mod memory;

mod math;

#[macro_use]
mod arch;

mod control;

mod errno;

mod number;

mod auxiliary;

mod lock;

mod pages;

mod allocate;

mod signal;

mod process;

mod attribute;

mod key;

mod thread;

mod clock;

mod file;

mod start;

/// A mistake of ours.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    process::abort()
}
