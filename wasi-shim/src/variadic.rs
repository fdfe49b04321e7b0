//! Calls whose arguments are known only when they are made: values to registers and stack, then the
//! call.
//!
//! Variable arguments go where fixed ones would, on System V x86-64 (AMD64 psABI 3.2.3) as on arm64
//! (AAPCS64 6.4), but not on Apple's.

use crate::width::low_u64;
use std::mem::offset_of;

/// Registers for integers and for floating-point numbers.
#[cfg(target_arch = "x86_64")]
const REGISTERS: (usize, usize) = (6, 8);
#[cfg(target_arch = "aarch64")]
const REGISTERS: (usize, usize) = (8, 8);

/// The most arguments of a call, twice over because some take two words: those of the format, and
/// the fixed ones.
const STACK_WORDS: usize = 2 * (crate::format::MOST_ARGUMENTS + 32);

/// A C value.
#[derive(Clone, Copy)]
pub enum Argument {
    /// An integer or a pointer; what is narrower has anything above.
    Integer(u64),
    /// The bits of a `double`.
    Float(u64),
    /// The bytes of a `long double`.
    LongDouble(u128),
}

/// Registers and stack at a call. Both assembly functions below know it.
#[repr(C, align(16))]
pub struct Call {
    floats: [u128; 8],
    integers: [u64; 8],
    function: usize,
    /// Words that are on the stack: an even number, which keeps it aligned.
    n_stack: usize,
    n_integers: usize,
    n_floats: usize,
    /// The result, in either register.
    pub integer: u64,
    pub float: u64,
    stack: [u64; STACK_WORDS],
}

impl Call {
    pub fn new(function: usize) -> Call {
        Call {
            floats: [0; 8],
            integers: [0; 8],
            function,
            n_stack: 0,
            n_integers: 0,
            n_floats: 0,
            integer: 0,
            float: 0,
            stack: [0; STACK_WORDS],
        }
    }

    /// Puts the next argument into its place.
    pub fn push(&mut self, argument: Argument) {
        match argument {
            Argument::Integer(value) if self.n_integers < REGISTERS.0 => {
                self.integers[self.n_integers] = value;
                self.n_integers = self.n_integers.saturating_add(1);
            }
            Argument::Float(bits) if self.n_floats < REGISTERS.1 => self.push_float(bits.into()),
            Argument::LongDouble(bits) if cfg!(target_arch = "aarch64") && self.n_floats < REGISTERS.1 => {
                self.push_float(bits);
            }
            Argument::Integer(word) | Argument::Float(word) => self.push_stack(word),
            Argument::LongDouble(bits) => {
                self.n_stack = self.n_stack.next_multiple_of(2);
                self.push_stack(low_u64(bits));
                self.push_stack(low_u64(bits >> 64));
            }
        }
    }

    fn push_float(&mut self, bits: u128) {
        self.floats[self.n_floats] = bits;
        self.n_floats = self.n_floats.saturating_add(1);
    }

    fn push_stack(&mut self, word: u64) {
        self.stack[self.n_stack] = word;
        self.n_stack = self.n_stack.saturating_add(1);
    }

    /// Makes the call.
    ///
    /// # Safety
    /// The function takes these arguments.
    pub unsafe fn run(&mut self) {
        self.n_stack = self.n_stack.next_multiple_of(2);
        // SAFETY: as required of the caller.
        unsafe { call(self) }
    }
}

/// Fills registers and stack, calls, and notes the results.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn call(call: *mut Call) {
    std::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "sub rsp, 8",
        "mov rbx, rdi",
        "mov rcx, [rbx + {n_stack}]",
        "lea rax, [rcx * 8]",
        "sub rsp, rax",
        "lea rsi, [rbx + {stack}]",
        "mov rdi, rsp",
        "rep movsq",
        "movaps xmm0, [rbx + {floats}]",
        "movaps xmm1, [rbx + {floats} + 16]",
        "movaps xmm2, [rbx + {floats} + 32]",
        "movaps xmm3, [rbx + {floats} + 48]",
        "movaps xmm4, [rbx + {floats} + 64]",
        "movaps xmm5, [rbx + {floats} + 80]",
        "movaps xmm6, [rbx + {floats} + 96]",
        "movaps xmm7, [rbx + {floats} + 112]",
        "mov rdi, [rbx + {integers}]",
        "mov rsi, [rbx + {integers} + 8]",
        "mov rdx, [rbx + {integers} + 16]",
        "mov rcx, [rbx + {integers} + 24]",
        "mov r8, [rbx + {integers} + 32]",
        "mov r9, [rbx + {integers} + 40]",
        // An upper bound of the vector registers used.
        "mov eax, 8",
        "call [rbx + {function}]",
        "mov [rbx + {integer}], rax",
        "movsd [rbx + {float}], xmm0",
        "lea rsp, [rbp - 8]",
        "pop rbx",
        "pop rbp",
        "ret",
        n_stack = const offset_of!(Call, n_stack),
        stack = const offset_of!(Call, stack),
        floats = const offset_of!(Call, floats),
        integers = const offset_of!(Call, integers),
        function = const offset_of!(Call, function),
        integer = const offset_of!(Call, integer),
        float = const offset_of!(Call, float),
    )
}

/// As above.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn call(call: *mut Call) {
    std::arch::naked_asm!(
        "stp x29, x30, [sp, #-32]!",
        "mov x29, sp",
        "str x19, [sp, #16]",
        "mov x19, x0",
        "ldr x9, [x19, #{n_stack}]",
        "add x10, x19, #{stack}",
        "sub sp, sp, x9, lsl #3",
        "mov x11, sp",
        "2:",
        "cbz x9, 3f",
        "ldr x12, [x10], #8",
        "str x12, [x11], #8",
        "sub x9, x9, #1",
        "b 2b",
        "3:",
        "ldp q0, q1, [x19, #{floats}]",
        "ldp q2, q3, [x19, #{floats} + 32]",
        "ldp q4, q5, [x19, #{floats} + 64]",
        "ldp q6, q7, [x19, #{floats} + 96]",
        "ldp x0, x1, [x19, #{integers}]",
        "ldp x2, x3, [x19, #{integers} + 16]",
        "ldp x4, x5, [x19, #{integers} + 32]",
        "ldp x6, x7, [x19, #{integers} + 48]",
        "ldr x9, [x19, #{function}]",
        "blr x9",
        "str x0, [x19, #{integer}]",
        "str d0, [x19, #{float}]",
        "mov sp, x29",
        "ldr x19, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "ret",
        n_stack = const offset_of!(Call, n_stack),
        stack = const offset_of!(Call, stack),
        floats = const offset_of!(Call, floats),
        integers = const offset_of!(Call, integers),
        function = const offset_of!(Call, function),
        integer = const offset_of!(Call, integer),
        float = const offset_of!(Call, float),
    )
}
