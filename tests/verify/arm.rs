//! Wrong sequences of aarch64's code, as [`crate::sequences`] has them for x86-64.
//!
//! A function in the internal convention gets its parameters from `x2` upwards. `leave` stands for
//! the end of the frame, and `address REGISTER, SYMBOL` for the pair of instructions that makes
//! one.

use crate::sequences::{Assembly, Sequence, sequence};

pub const ASSEMBLY: Assembly = Assembly {
    processor: "aarch64",
    compiler: "aarch64-linux-gnu-gcc",
    around: AROUND,
    more: "",
    module: None,
    enter: "stp x29, x30, [sp, #-16]!; mov x29, sp",
    leave: "mov sp, x29; ldp x29, x30, [sp], #16",
    ends: &["ret", "ret x2", "ret x30", "udf #0", "nop", "b g", "b g + 4", "br x2", ".long 5"],
};

/// As around those of x86-64.
const AROUND: &str = "
        .arch armv8.1-a
        .data
        .macro record name, size
        .hidden \\name
        .globl \\name
        .type \\name, %object
        .size \\name, \\size
    \\name:
        .endm
        .macro address register, name
        adrp \\register, \\name
        add \\register, \\register, :lo12:\\name
        .endm
        .p2align 4
        record w2n.memory.0, 64
        .quad 0, 65536, 1 << 32, (8 << 30) + 65536, (8 << 30) + 65536, 0, 65536, 0
        record w2n.memory.1, 64
        .quad 0, 65536, 1 << 40, (1 << 40) + (2 << 30) + 65536, (2 << 30) + 131072, 0, 65536, 0
        record w2n.memory.2, 64
        .quad 0, 65536, 1 << 40, (1 << 40) + (2 << 30) + 65536, (2 << 30) + 131072, 0, 65536, 0
        record w2n.global.0, 8
        .quad 0
        record w2n.entries.0, 64
        .quad g, w2n.sig.i.i, h, w2n.sig.l.l, 0, 0, 0, 0
        record w2n.table.1, 40
        .quad 0, 4, 8, 16, 8
        .section .tdata, \"awT\", %progbits
        .hidden w2n.global.1
        .globl w2n.global.1
        .type w2n.global.1, %tls_object
        .size w2n.global.1, 8
    w2n.global.1:
        .quad 0
        .section .rodata
        record w2n.sig.i.i, 4
        .long 0
        record w2n.sig.l.l, 4
        .long 0
        .text
    text_start:
        .macro function name, signature
        .p2align 4
        .skip 12
        .long \\signature - . - 4
        .type \\name, %function
    \\name:
        .endm
        .globl g
        .hidden g
        function g, w2n.sig.i.i
        mov w2, w2
        ret
        .size g, . - g
        .globl h
        .hidden h
        function h, w2n.sig.l.l
        mov x2, x2
        ret
        .size h, . - h
";

/// Those of accesses.
pub const SEQUENCES: &[Sequence] = &[
    sequence(
        "missing zero extension",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; ldr w2, [x1, w2, uxtw]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; ldr w2, [x1, x2]; leave",
        "neither within the guard",
    ),
    sequence(
        "sign extension",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; ldr w2, [x1, w2, uxtw]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; ldr w2, [x1, w2, sxtw]; leave",
        "neither within the guard",
    ),
    sequence(
        "zero extension by a move of 64 bits",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov w3, w2; ldr w2, [x1, x3]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov x3, x2; ldr w2, [x1, x3]; leave",
        "neither within the guard",
    ),
    sequence(
        "sum in 64 bits",
        "ii.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; add w3, w2, w3; ldr w2, [x1, x3]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; add x3, x2, x3; ldr w2, [x1, x3]; leave",
        "neither within the guard",
    ),
    sequence(
        "mask with a sign",
        "l.l",
        "address x1, w2n.memory.0; ldr x1, [x1]; and x2, x2, #0xffffffff; ldr x2, [x1, x2]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; and x2, x2, #0xffffffffffff0000; \
         ldr x2, [x1, x2]; leave",
        "neither within the guard",
    ),
    sequence(
        "arithmetic shift",
        "l.l",
        "address x1, w2n.memory.0; ldr x1, [x1]; lsr x2, x2, #32; ldr x2, [x1, x2]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; asr x2, x2, #32; ldr x2, [x1, x2]; leave",
        "neither within the guard",
    ),
    sequence(
        "field that is too wide",
        "l.l",
        "address x1, w2n.memory.0; ldr x1, [x1]; ubfx x2, x2, #3, #32; ldr x2, [x1, x2]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; ubfx x2, x2, #3, #36; ldr x2, [x1, x2]; leave",
        "neither within the guard",
    ),
    sequence(
        "signed field",
        "l.l",
        "address x1, w2n.memory.0; ldr x1, [x1]; ubfx x2, x2, #3, #16; ldr x2, [x1, x2]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; sbfx x2, x2, #3, #16; ldr x2, [x1, x2]; leave",
        "neither within the guard",
    ),
    sequence(
        "offset beyond the guard",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov w3, #0xffff; movk w3, #0xffff, lsl #16; \
         add x1, x1, x3; ldr w2, [x1, w2, uxtw]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov x3, #0xffff; movk x3, #2, lsl #32; \
         add x1, x1, x3; ldr w2, [x1, w2, uxtw]; leave",
        "neither within the guard",
    ),
    sequence(
        "constant by its bits the other way round",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov x3, #0xffff000000000000; rbit x3, x3; \
         add x1, x1, x3; ldr w2, [x1, w2, uxtw]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov x3, #0x000000000000ffff; rbit x3, x3; \
         add x1, x1, x3; ldr w2, [x1, w2, uxtw]; leave",
        "the memory",
    ),
    sequence(
        "offset before the memory",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; add x1, x1, w2, uxtw; ldur x2, [x1, #8]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; add x1, x1, w2, uxtw; ldur x2, [x1, #-8]; leave",
        "before the memory",
    ),
    sequence(
        "scaled index",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; ldrb w2, [x1, w2, uxtw]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; ldr q0, [x1, w2, uxtw #4]; leave",
        "neither within the guard",
    ),
    sequence(
        "second of a pair",
        "l.l",
        "address x1, w2n.global.0; ldr x2, [x1]; leave",
        "address x1, w2n.global.0; ldp x2, x3, [x1]; leave",
        "not within the 8 bytes",
    ),
    sequence(
        "base that moves before the access",
        "l.l",
        "address x1, w2n.global.0; ldr x2, [x1], #8; leave",
        "address x1, w2n.global.0; ldr x2, [x1, #8]!; leave",
        "not within the 8 bytes",
    ),
    sequence(
        "vector beyond its place",
        "l.l",
        "address x1, w2n.global.0; ldr d0, [x1]; leave",
        "address x1, w2n.global.0; ldr q0, [x1]; leave",
        "not within the 8 bytes",
    ),
    sequence(
        "atomic operation beyond its place",
        "l.l",
        "address x1, w2n.global.0; 1: ldaxr x3, [x1]; stlxr w4, x3, [x1]; cbnz w4, 1b; leave",
        "address x1, w2n.global.0; add x1, x1, #8; 1: ldaxr x3, [x1]; stlxr w4, x3, [x1]; \
         cbnz w4, 1b; leave",
        "not within the 8 bytes",
    ),
    sequence(
        "atomic addition at a parameter",
        "l.l",
        "address x1, w2n.global.0; ldaddal x2, x3, [x1]; leave",
        "ldaddal x2, x3, [x2]; leave",
        "nothing is known of the address",
    ),
    sequence(
        "compare of another register",
        "ll.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; b.hi 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x3, x4; b.hi 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "signed compare",
        "l.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; b.hi 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; b.gt 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "compare the other way round",
        "l.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; b.hi 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; b.lo 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "compare of 32 bits",
        "l.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; b.hi 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp w2, w4; b.hi 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "flags of an addition in place of a compare",
        "l.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; subs x5, x2, x4; b.hi 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; adds x5, x2, x4; b.hi 1f; ldr x1, [x1]; \
         ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "compare on a condition",
        "ll.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x3, #0; cmp x2, x4; b.hi 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x3, #0; ccmp x2, x4, #0, eq; b.hi 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "flags that a floating-point compare set",
        "l.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; fcmp d0, d1; cmp x2, x4; b.hi 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; fcmp d0, d1; b.hi 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "condition in a register, the other way round",
        "l.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; cset w5, hi; cbnz w5, 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; cset w5, hi; cbz w5, 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "another bit of a condition",
        "l.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; cset w5, hi; tbnz w5, #0, 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; cset w5, hi; tbnz w5, #1, 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "two conditions of which one is tested",
        "ll.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; cset w5, ls; cmp x3, x4; \
         cset w6, ls; and w5, w5, w6; tst w5, #0xff; b.eq 1f; ldr x1, [x1]; ldr x2, [x1, x2]; \
         leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; cset w5, ls; cmp x3, x4; \
         cset w6, ls; orr w5, w5, w6; tst w5, #0xff; b.eq 1f; ldr x1, [x1]; ldr x2, [x1, x2]; \
         leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "the greater of two numbers with a sign",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov w2, w2; sub x2, x2, #31; cmp x2, #0; \
         csel x2, x2, xzr, gt; ldr w2, [x1, x2]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov w2, w2; sub x2, x2, #31; cmp x2, #0; \
         csel x2, x2, xzr, lt; ldr w2, [x1, x2]; leave",
        "neither within the guard",
    ),
    sequence(
        "number or 0, by another bit than its sign",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov w2, w2; sub x2, x2, #31; bic x2, x2, x2, asr #63; \
         ldr w2, [x1, x2]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov w2, w2; sub x2, x2, #31; bic x2, x2, x2, asr #31; \
         ldr w2, [x1, x2]; leave",
        "neither within the guard",
    ),
    sequence(
        "one of two addresses",
        "ii.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; add x4, x1, w2, uxtw; add x5, x1, w3, uxtw; cmp w2, #7; \
         csel x4, x4, x5, eq; ldr w2, [x4]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; add x4, x1, w2, uxtw; add x5, x1, x3; cmp w2, #7; \
         csel x4, x4, x5, eq; ldr w2, [x4]; leave",
        "neither within the guard",
    ),
    sequence(
        "one of two addresses of different memories",
        "ii.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; add x4, x1, w2, uxtw; add x5, x1, w3, uxtw; cmp w2, #7; \
         csel x4, x4, x5, eq; ldr w2, [x4]; leave",
        "address x1, w2n.memory.0; address x6, w2n.memory.1; ldr x1, [x1]; ldr x6, [x6]; \
         add x4, x1, w2, uxtw; add x5, x6, w3, uxtw; cmp w2, #7; csel x4, x4, x5, eq; ldr w2, [x4]; leave",
        "nothing is known of the address",
    ),
    sequence(
        "lesser of two numbers",
        "ll.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; ldr x1, [x1]; cmp x2, x4; b.hs 1f; cmp x2, x3; \
         csel x3, x2, x3, lo; ldrb w2, [x1, x3]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; ldr x1, [x1]; cmp x2, x4; b.hs 1f; cmp x2, x3; \
         csel x3, x2, x3, hs; ldrb w2, [x1, x3]; leave; ret; 1: udf #0",
        "neither within the guard",
    ),
    sequence(
        "signed compare of half of a number",
        "l.l",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov w2, w2; sub x2, x2, #31; cmp x2, #0; \
         csel x2, x2, xzr, gt; ldr w2, [x1, x2]; leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; mov w2, w2; lsl x2, x2, #4; cmp w2, #0; \
         csel x2, x2, xzr, gt; ldr w2, [x1, x2]; leave",
        "neither within the guard",
    ),
    sequence(
        "multiple of another number",
        "i.i",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; mov w2, w2; and x5, x2, #-32; cmp x5, x4; b.hi 1f; \
         lsr x2, x2, #5; lsl x2, x2, #5; ldr x1, [x1]; ldr w2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; mov w2, w2; and x5, x2, #-32; cmp x5, x4; b.hi 1f; \
         lsr x2, x2, #4; lsl x2, x2, #5; ldr x1, [x1]; ldr w2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "selection of the index that is too large",
        "l.l",
        "address x1, w2n.memory.1; ldr x1, [x1]; cmp x2, #4, lsl #12; csel x2, x2, xzr, lo; \
         ldr x2, [x1, x2]; leave",
        "address x1, w2n.memory.1; ldr x1, [x1]; cmp x2, #4, lsl #12; csel x2, xzr, x2, lo; \
         ldr x2, [x1, x2]; leave",
        "nor compared with the size",
    ),
    sequence(
        "size of another memory",
        "l.l",
        "address x1, w2n.memory.1; address x3, w2n.memory.1; ldr x4, [x3, #8]; cmp x2, x4; \
         b.hi 1f; ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; address x3, w2n.memory.2; ldr x4, [x3, #8]; cmp x2, x4; \
         b.hi 1f; ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "index changed after the compare",
        "ll.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; mov x2, x3; cmp x2, x4; b.hi 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cmp x2, x4; b.hi 1f; mov x2, x3; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "way around the compare",
        "li.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cbz w3, 2f; nop; 2: cmp x2, x4; b.hi 1f; \
         ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; cbz w3, 2f; cmp x2, x4; b.hi 1f; \
         2: ldr x1, [x1]; ldr x2, [x1, x2]; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "index that grows in a loop",
        "l.l",
        "address x1, w2n.memory.1; ldr x3, [x1]; 2: ldr x4, [x1, #8]; cmp x2, x4; b.hi 1f; \
         ldr x5, [x3, x2]; add x2, x2, #8; cbnz x5, 2b; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x3, [x1]; ldr x4, [x1, #8]; cmp x2, x4; b.hi 1f; \
         2: ldr x5, [x3, x2]; add x2, x2, #8; cbnz x5, 2b; leave; ret; 1: udf #0",
        "nor compared with the size",
    ),
    sequence(
        "copy without a compare",
        "lil.",
        "address x1, w2n.memory.1; ldr x5, [x1, #8]; adds x6, x2, x4; b.hs 1f; cmp x6, x5; \
         b.hi 1f; ldr x0, [x1]; add x0, x0, x2; mov w1, w3; mov x2, x4; bl memset; leave; ret; \
         1: udf #0",
        "address x1, w2n.memory.1; ldr x5, [x1, #8]; adds x6, x2, x4; b.hs 1f; cmp x2, x5; \
         b.hi 1f; ldr x0, [x1]; add x0, x0, x2; mov w1, w3; mov x2, x4; bl memset; leave; ret; \
         1: udf #0",
        "its end was not compared",
    ),
    sequence(
        "end of a copy that wraps",
        "lil.",
        "address x1, w2n.memory.1; ldr x5, [x1, #8]; adds x6, x2, x4; b.hs 1f; cmp x6, x5; \
         b.hi 1f; ldr x0, [x1]; add x0, x0, x2; mov w1, w3; mov x2, x4; bl memset; leave; ret; \
         1: udf #0",
        "address x1, w2n.memory.1; ldr x5, [x1, #8]; adds x6, x2, x4; b.lo 1f; cmp x6, x5; \
         b.hi 1f; ldr x0, [x1]; add x0, x0, x2; mov w1, w3; mov x2, x4; bl memset; leave; ret; \
         1: udf #0",
        "its end was not compared",
    ),
    sequence(
        "constant address",
        "i.i",
        "mov x1, #0x1000; leave",
        "mov x1, #0x1000; ldr w2, [x1]; leave",
        "a constant address",
    ),
    sequence(
        "pointer as a parameter",
        "l.l",
        "mov x0, x2; leave",
        "ldr x2, [x2]; leave",
        "nothing is known of the address",
    ),
    sequence(
        "page of one symbol and place of another",
        "l.l",
        "adrp x1, w2n.global.0; add x1, x1, :lo12:w2n.global.0; ldr x2, [x1]; leave",
        "adrp x1, w2n.global.0; add x1, x1, :lo12:w2n.memory.1; ldr x2, [x1]; leave",
        "another page",
    ),
    sequence(
        "page without the place in it",
        "l.l",
        "adrp x1, w2n.global.0; add x1, x1, :lo12:w2n.global.0; ldr x2, [x1]; leave",
        "adrp x1, w2n.global.0; ldr x2, [x1]; leave",
        "not an address",
    ),
    sequence(
        "place in a page by the access",
        "l.l",
        "adrp x1, w2n.global.0; ldr x2, [x1, :lo12:w2n.global.0]; leave",
        "adrp x1, w2n.global.0; ldr x2, [x1, :lo12:w2n.memory.1]; leave",
        "another page",
    ),
    sequence(
        "place in a page by an access of another size",
        "l.l",
        "adrp x1, w2n.global.0; .reloc ., R_AARCH64_LDST64_ABS_LO12_NC, w2n.global.0; ldr x2, [x1]; leave",
        "adrp x1, w2n.global.0; .reloc ., R_AARCH64_LDST32_ABS_LO12_NC, w2n.global.0; ldr x2, [x1]; leave",
        "has the relocation",
    ),
    sequence(
        "place in a page by an access that has no room for it",
        "l.l",
        "adrp x1, w2n.global.0; .reloc ., R_AARCH64_LDST64_ABS_LO12_NC, w2n.global.0; ldr x2, [x1]; leave",
        "adrp x1, w2n.global.0; .reloc ., R_AARCH64_LDST64_ABS_LO12_NC, w2n.global.0; ldur x2, [x1]; leave",
        "has the relocation",
    ),
    sequence(
        "place in a page, shifted",
        "l.l",
        "adrp x1, w2n.global.0; .reloc ., R_AARCH64_ADD_ABS_LO12_NC, w2n.global.0; add x1, x1, #0; \
         ldr x2, [x1]; leave",
        "adrp x1, w2n.global.0; .reloc ., R_AARCH64_ADD_ABS_LO12_NC, w2n.global.0; \
         add x1, x1, #0, lsl #12; ldr x2, [x1]; leave",
        "has the relocation",
    ),
    sequence(
        "constant by its page",
        "i.i",
        "adrp x1, 1f; ldr w2, [x1, :lo12:1f]; leave; ret; 1: .long 5",
        "adrp x1, 1f + 4; ldr w2, [x1, :lo12:1f + 4]; leave; ret; 1: .long 5",
        "not among the function's own constants",
    ),
    sequence(
        "lower half of a memory's size",
        "l.l",
        "address x1, w2n.memory.1; ldr w4, [x1, #8]; cmp x2, x4; b.hs 1f; ldr x1, [x1]; \
         ldrb w2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldrsw x4, [x1, #8]; cmp x2, x4; b.hs 1f; ldr x1, [x1]; \
         ldrb w2, [x1, x2]; leave; ret; 1: udf #0",
        "neither within the guard",
    ),
    sequence(
        "upper half of a memory's size",
        "l.l",
        "address x1, w2n.memory.0; ldr w4, [x1, #12]; cmp w4, #1; b.ls 1f; str x2, [x29, #16]; \
         1: leave",
        "address x1, w2n.memory.0; ldr w4, [x1, #12]; cmp w4, #0; b.ls 1f; str x2, [x29, #16]; \
         1: leave",
        "above the frame",
    ),
    sequence(
        "compare of the upper bits of an index",
        "l.l",
        "address x1, w2n.memory.1; ldr x1, [x1]; mov w4, #0x10000000; lsr x3, x2, #3; cmp x3, x4; \
         b.hi 1f; ldrb w2, [x1, x2]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x1, [x1]; mov w4, #0x10000000; lsr x3, x2, #4; cmp x3, x4; \
         b.hi 1f; ldrb w2, [x1, x2]; leave; ret; 1: udf #0",
        "neither within the guard",
    ),
    sequence(
        "compare of the upper bits of a size",
        "l.l",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; lsr x4, x4, #32; cmp x4, #1; b.lo 1f; \
         ldr x1, [x1]; mov w3, #0xfffffff8; str x2, [x1, x3]; leave; ret; 1: udf #0",
        "address x1, w2n.memory.1; ldr x4, [x1, #8]; lsr x4, x4, #30; cmp x4, #1; b.lo 1f; \
         ldr x1, [x1]; mov w3, #0xfffffff8; str x2, [x1, x3]; leave; ret; 1: udf #0",
        "neither within the guard",
    ),
    sequence(
        "distance of a thread's global as its address",
        "l.l",
        "adrp x0, :tlsdesc:w2n.global.1; ldr x1, [x0, :tlsdesc_lo12:w2n.global.1]; \
         add x0, x0, :tlsdesc_lo12:w2n.global.1; .tlsdesccall w2n.global.1; blr x1; \
         mrs x1, tpidr_el0; add x0, x0, x1; ldr x2, [x0]; leave",
        "adrp x0, :tlsdesc:w2n.global.1; ldr x1, [x0, :tlsdesc_lo12:w2n.global.1]; \
         add x0, x0, :tlsdesc_lo12:w2n.global.1; .tlsdesccall w2n.global.1; blr x1; \
         mrs x1, tpidr_el0; ldr x2, [x0]; leave",
        "not an address",
    ),
    sequence(
        "load of code",
        "i.i",
        "address x1, g; leave",
        "address x1, g; ldrb w2, [x1]; leave",
        "code does not access",
    ),
    sequence(
        "store to code",
        "i.i",
        "ldr w2, 1f; leave; ret; 1: .long 5",
        "adr x1, 1f; str w2, [x1]; leave; ret; 1: .long 5",
        "code is not written",
    ),
    sequence(
        "store beyond a global",
        "l.l",
        "address x1, w2n.global.0; str x2, [x1]; leave",
        "address x1, w2n.global.0; stur x2, [x1, #4]; leave",
        "not within the 8 bytes",
    ),
    sequence(
        "store to a memory's record",
        "l.l",
        "address x1, w2n.memory.0; ldr x2, [x1, #8]; leave",
        "address x1, w2n.memory.0; str x2, [x1, #8]; leave",
        "code does not access",
    ),
];
