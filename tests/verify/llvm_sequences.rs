//! Wrong sequences of LLVM's code, as [`crate::sequences`] has them for Cranelift's: what differs
//! by conventions.
//!
//! The beginning of a function stores `rbx`, or `x19` and `x20`, and its record says so.

use crate::arm;
use crate::sequences::{self, Assembly, Sequence, sequence};

/// The C convention.
pub const X86_64: Assembly = Assembly {
    // The record (`abi::image::Function`), and a function that does not return.
    more: "
        .section .rodata
        record w2n.functions, 24
        .long f - text_start, 0, 0, 0, 0, 1 + (1 << 5)
        .text
        function n, w2n.sig.i.i
        ud2
        .size n, . - n
        .p2align 4, 0xcc
        .skip 12, 0xcc
    ",
    module: Some("(module)"),
    enter: "push rbp; mov rbp, rsp; push rbx; push rax",
    leave: "add rsp, 8; pop rbx; pop rbp",
    ends: &["ret", "ud2", "ret 24", "call n", "call g"],
    ..sequences::ASSEMBLY
};

/// Imported functions are called, so that it is the C convention.
pub const X86_64_IMPORT: Assembly =
    Assembly { module: Some("(module (import \"m\" \"f\" (func)) (func return_call 0))"), ..X86_64 };

/// The C convention.
pub const AARCH64: Assembly = Assembly {
    more: "
        .section .rodata
        record w2n.functions, 24
        .long f - text_start, 0, 0, 0, 0, 1 + (3 << 1)
        .text
        function n, w2n.sig.i.i
        udf #0
        .size n, . - n
    ",
    module: Some("(module)"),
    enter: "stp x29, x30, [sp, #-32]!; stp x20, x19, [sp, #16]; mov x29, sp",
    leave: "ldp x20, x19, [sp, #16]; ldp x29, x30, [sp], #32",
    ends: &["ret", "udf #0", "bl n", "bl g", "b g", "0xffffffff"],
    ..arm::ASSEMBLY
};

/// `tailcc`.
pub const AARCH64_TAIL: Assembly = Assembly { module: Some("(module (func return_call 0))"), ..AARCH64 };

/// By the names of their tests.
pub const SEQUENCES: &[(&str, &Assembly, &[Sequence])] = &[
    ("llvm/", &X86_64, OF_X86_64),
    ("llvm/import/", &X86_64_IMPORT, OF_X86_64_IMPORT),
    ("llvm/aarch64/", &AARCH64, OF_AARCH64),
    ("llvm/aarch64/tail/", &AARCH64_TAIL, OF_AARCH64_TAIL),
];

const OF_X86_64: &[Sequence] = &[
    sequence(
        "store below the red zone",
        "l.l",
        "mov [rsp - 128], rdi; leave",
        "mov [rsp - 136], rdi; leave",
        "below the stack pointer",
    ),
    sequence(
        "red zone across a call",
        "l.l",
        "mov [rsp - 8], rbx; mov rbx, rdi; mov rbx, [rsp - 8]; leave",
        "mov [rsp - 8], rbx; call g; mov rbx, [rsp - 8]; add rsp, 16; pop rbp",
        "register 3 is not what it was",
    ),
    sequence(
        "call at the end of a function that returns",
        "i.i",
        "call n",
        "call g",
        "a way leaves the code of the function",
    ),
    sequence(
        "register that its record has elsewhere",
        "l.l",
        "mov rbx, rdi; call g; leave",
        "mov [rbp - 16], rbx; mov [rbp - 8], rdi; call g; mov rbx, [rbp - 16]; add rsp, 16; pop rbp",
        "register 3 is not where the object says",
    ),
    sequence(
        "register that its record does not have",
        "l.l",
        "push r14; push rax; mov r14, rdi; mov r14, [rsp + 8]; call g; add rsp, 16; leave",
        "push r14; push rax; mov r14, rdi; call g; mov r14, [rsp + 8]; add rsp, 16; leave",
        "register 14 is not where the object says",
    ),
    sequence(
        "results beyond their area",
        ".llll",
        "mov [rdi + 48], rsi; leave",
        "mov [rdi + 64], rsi; leave",
        "beyond the results",
    ),
];

const OF_X86_64_IMPORT: &[Sequence] =
    &[sequence("arguments that go", "llllllll.l", "leave; ret", "leave; ret 24", "the stack pointer ends")];

const OF_AARCH64: &[Sequence] = &[
    sequence(
        "store below the stack pointer",
        "l.l",
        "str x0, [sp, #-16]!; add sp, sp, #16; leave",
        "stur x0, [sp, #-8]; leave",
        "below the stack pointer",
    ),
    sequence(
        "call at the end of a function that returns",
        "i.i",
        "bl n",
        "bl g",
        "a way leaves the code of the function",
    ),
    sequence(
        "constants after a call of a function that returns",
        "i.i",
        "cbz w0, 1f; leave; ret; 1: bl n; .long 0xffffffff",
        "cbz w0, 1f; leave; ret; 1: bl g; .long 0xffffffff",
        "not an instruction",
    ),
    sequence(
        "argument beyond those on the stack",
        "lllllllll.l",
        "ldr x0, [x29, #32]; leave",
        "ldr x0, [x29, #40]; leave",
        "above the frame and the arguments",
    ),
    sequence(
        "results beyond their area",
        ".lllllllll",
        "str x1, [x0, #128]; leave",
        "str x1, [x0, #144]; leave",
        "beyond the results",
    ),
    sequence(
        "results in Cranelift's register",
        ".lllllllll",
        "str x1, [x0]; leave",
        "str x1, [x8]; leave",
        "nothing is known of the address",
    ),
    sequence(
        "pair that its record has the other way round",
        "l.l",
        "mov x19, x0; bl g; leave",
        "stp x19, x20, [sp, #16]; bl g; ldp x19, x20, [sp, #16]; ldp x29, x30, [sp], #32",
        "register 19 is not where the object says",
    ),
    sequence(
        "register that its record does not have",
        "l.l",
        "stp x21, x22, [sp, #-16]!; mov x21, x0; ldp x21, x22, [sp], #16; bl g; leave",
        "stp x21, x22, [sp, #-16]!; mov x21, x0; bl g; ldp x21, x22, [sp], #16; leave",
        "register 21 is not where the object says",
    ),
    sequence(
        "return address that its record has elsewhere",
        "l.l",
        "bl g; leave",
        "sub sp, sp, #16; str x30, [sp, #8]; str x0, [x29, #8]; bl g; ldr x30, [sp, #8]; add sp, sp, #16; \
         ldp x20, x19, [sp, #16]; ldr x29, [sp], #32",
        "the return address is not where the object says",
    ),
    sequence(
        "register after an exception that calls do not preserve",
        "i.i",
        "address x19, w2n.memory.0; ldr x19, [x19]; bl g; 5: leave; ret; 6: ldr w0, [x19, w0, uxtw]; leave; \
         .pushsection .rodata; record w2n.try_calls, 12; .long 5b - text_start, 0, 0; \
         record w2n.handlers, 8; .long 1 << 31, 6b - text_start; .popsection",
        "address x9, w2n.memory.0; ldr x9, [x9]; bl g; 5: leave; ret; 6: ldr w0, [x9, w0, uxtw]; leave; \
         .pushsection .rodata; record w2n.try_calls, 12; .long 5b - text_start, 0, 0; \
         record w2n.handlers, 8; .long 1 << 31, 6b - text_start; .popsection",
        "nothing is known of the address",
    ),
];

const OF_AARCH64_TAIL: &[Sequence] = &[
    sequence("arguments that stay", "lllllllll.l", "leave; add sp, sp, #16", "leave", "the stack pointer ends"),
    sequence(
        "tail call with more arguments",
        "lllllllll.l",
        "leave; add sp, sp, #16; b g",
        "leave; b g",
        "the stack pointer ends",
    ),
];
