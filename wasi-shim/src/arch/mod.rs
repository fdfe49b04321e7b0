//! What knows the processor: registers, assembly, the C convention, the formats of its numbers.
//!
//! [`processor`] is the file of the processor that the runtime is built for. A port adds a file
//! beside it, with the same names as `x86_64.rs`, and a line here; nothing else in the runtime
//! names a processor, a register or an instruction (`tests/tidy` holds that). What all
//! processors so far share is defined in this file.

#[macro_use]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
pub mod processor;

use std::ffi::{c_int, c_void};

/// What is called for a signal, by way of [`processor::signal_entry`].
pub trait OnSignal {
    /// Takes what the system hands to a handler that was installed with `SA_SIGINFO`.
    extern "C" fn on_signal(signal: c_int, info: *mut c_void, context: *mut c_void);
}

/// What a frame pointer points at.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Frame {
    /// The frame pointer of the function that called.
    pub fp: usize,
    pub return_address: usize,
}

/// Registers and stack at a call of a C function, for [`processor::call_c`].
#[repr(C, align(16))]
pub struct CCall {
    /// The vector registers for arguments, as many as a processor has of them.
    pub floats: [u128; 8],
    /// The integer registers for arguments.
    pub integers: [u64; 8],
    pub function: usize,
    /// The words on the stack. Their number is even, which keeps the stack aligned.
    pub stack: *const u64,
    pub n_stack: usize,
    /// The result, in either register.
    pub integer: u64,
    pub float: u64,
}

/// The two names by which debuggers find code that is mapped while a program runs. They are weak,
/// because another library of the process may have them.
macro_rules! define_debugger_hooks {
    () => {
        std::arch::global_asm!(
            ".pushsection .text.__jit_debug_register_code, \"ax\", %progbits",
            ".weak __jit_debug_register_code",
            ".type __jit_debug_register_code, %function",
            "__jit_debug_register_code:",
            "ret",
            ".size __jit_debug_register_code, . - __jit_debug_register_code",
            ".popsection",
            ".pushsection .data.__jit_debug_descriptor, \"aw\", %progbits",
            ".balign 8",
            ".weak __jit_debug_descriptor",
            ".type __jit_debug_descriptor, %object",
            "__jit_debug_descriptor:",
            ".long 1, 0",
            ".quad 0, 0",
            ".size __jit_debug_descriptor, 24",
            ".popsection",
        );
    };
}
