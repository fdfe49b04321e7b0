//! Wrong sequences of aarch64's code that have to do with the frame, calls, jumps and what is not
//! an instruction that code may have. [`crate::arm`] has those of accesses.

use crate::sequences::{Sequence, sequence};

pub const SEQUENCES: &[Sequence] = &[
    sequence(
        "store to the saved link",
        "l.l",
        "sub sp, sp, #16; str x2, [sp]; leave",
        "str x2, [x29, #8]; leave",
        "does not find its return address",
    ),
    sequence(
        "store to the saved frame pointer",
        "l.l",
        "sub sp, sp, #16; str x2, [x29, #-8]; leave",
        "sub sp, sp, #16; str w2, [x29]; leave",
        "is not what it was",
    ),
    sequence(
        "link that a call changed",
        "i.i",
        "bl g; leave; ret",
        "bl g; mov sp, x29; ldr x29, [sp], #16; ret",
        "does not find its return address",
    ),
    sequence("return by another register", "l.l", "leave; ret x30", "leave; ret x2", "another register"),
    sequence(
        "link from a parameter",
        "l.l",
        "leave; mov x3, x2",
        "leave; mov x30, x2",
        "does not find its return address",
    ),
    sequence(
        "store above the frame",
        "l.l",
        "str x2, [sp, #-16]!; leave",
        "str x2, [x29, #16]; leave",
        "above the frame",
    ),
    sequence(
        "store below the stack",
        "l.l",
        "sub sp, sp, #16; str x2, [sp, #8]; leave",
        "stur x2, [sp, #-8]; leave",
        "below the stack",
    ),
    sequence(
        "place in the frame that is not known",
        "l.l",
        "sub sp, sp, #16; and x2, x2, #8; mov x3, sp; str x4, [x3, x2]; leave",
        "sub sp, sp, #16; mov x3, sp; str x4, [x3, x2]; leave",
        "frame",
    ),
    sequence(
        "pair that is restored the other way round",
        "l.l",
        "stp x19, x20, [sp, #-16]!; ldp x19, x20, [sp], #16; leave",
        "stp x19, x20, [sp, #-16]!; ldp x20, x19, [sp], #16; leave",
        "is not what it was",
    ),
    sequence(
        "register that is not restored",
        "l.l",
        "str x19, [sp, #-16]!; mov x19, x2; ldr x19, [sp], #16; leave",
        "str x19, [sp, #-16]!; mov x19, x2; leave",
        "is not what it was",
    ),
    sequence(
        "half of a register that is restored",
        "l.l",
        "str x19, [sp, #-16]!; mov x19, x2; ldr x19, [sp], #16; leave",
        "str x19, [sp, #-16]!; mov x19, x2; ldr w19, [sp], #16; leave",
        "is not what it was",
    ),
    sequence(
        "vector register that is not restored",
        "d.d",
        "stp d8, d9, [sp, #-16]!; fmov d8, d0; ldp d8, d9, [sp], #16; leave",
        "stp d8, d9, [sp, #-16]!; fmov d8, d0; ldp d0, d9, [sp], #16; leave",
        "is not what it was",
    ),
    sequence(
        "vector register that an addition changes",
        "v.v",
        "add v16.4s, v0.4s, v0.4s; leave",
        "add v15.4s, v0.4s, v0.4s; leave",
        "is not what it was",
    ),
    sequence(
        "frame that is not freed",
        "l.l",
        "sub sp, sp, #16; add sp, sp, #16; ldp x29, x30, [sp], #16",
        "sub sp, sp, #32; add sp, sp, #16; ldp x29, x30, [x29]",
        "the stack pointer ends",
    ),
    sequence(
        "other stack",
        "l.l",
        "mov sp, x29; ldp x29, x30, [sp], #16",
        "mov sp, x2; ldp x29, x30, [x29]",
        "the stack pointer gets",
    ),
    sequence("jump into another function", "i.i", "leave; b g", "leave; b g + 4", "not the beginning of a function"),
    sequence("call into another function", "i.i", "bl g; leave", "bl g + 4; leave", "not the beginning of a function"),
    sequence(
        "conditional jump to another function",
        "i.i",
        "cbz w2, 1f; 1: leave; b g",
        "cbz w2, g; leave",
        "leaves the function",
    ),
    sequence("jump to a parameter", "l.l", "leave; b h", "leave; br x2", "signature was not compared"),
    sequence(
        "jump without a bound",
        "i.i",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lo; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, 2f - 3b; 1: mov w2, #7; 2: leave",
        "mov x0, x2; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, 2f - 3b; 1: mov w2, #7; 2: leave",
        "a table of jumps is not bounded",
    ),
    sequence(
        "bound of a table of jumps by a signed compare",
        "i.i",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lo; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, 2f - 3b; 1: mov w2, #7; 2: leave",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lt; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, 2f - 3b; 1: mov w2, #7; 2: leave",
        "a table of jumps is not bounded",
    ),
    sequence(
        "whole register as the index of a table of jumps",
        "i.i",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lo; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, 2f - 3b; 1: mov w2, #7; 2: leave",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lo; adr x1, 3f; ldrsw x0, [x1, x0, lsl #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, 2f - 3b; 1: mov w2, #7; 2: leave",
        "a table of jumps is not bounded",
    ),
    sequence(
        "table of jumps that leaves the function",
        "i.i",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lo; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, 2f - 3b; 1: mov w2, #7; 2: leave",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lo; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, -96; 1: mov w2, #7; 2: leave",
        "leaves the function",
    ),
    sequence(
        "index of a table of jumps of bytes without a bound",
        "i.i",
        "cmp w2, #1; b.hi 2f; adr x1, 3f; adr x3, 1f; ldrb w0, [x1, w2, uxtw]; \
         add x3, x3, x0, lsl #2; br x3; 3: .byte 0, (2f - 1f) / 4; .p2align 2; 1: mov w2, #7; 2: leave",
        "adr x1, 3f; adr x3, 1f; ldrb w0, [x1, w2, uxtw]; \
         add x3, x3, x0, lsl #2; br x3; 3: .byte 0, (2f - 1f) / 4; .p2align 2; 1: mov w2, #7; 2: leave",
        "a table of jumps is not bounded",
    ),
    sequence(
        "table of jumps of bytes that leaves the function",
        "i.i",
        "cmp w2, #1; b.hi 2f; adr x1, 3f; adr x3, 1f; ldrb w0, [x1, w2, uxtw]; \
         add x3, x3, x0, lsl #2; br x3; 3: .byte 0, (2f - 1f) / 4; .p2align 2; 1: mov w2, #7; 2: leave",
        "cmp w2, #1; b.hi 2f; adr x1, 3f; adr x3, 1f; ldrb w0, [x1, w2, uxtw]; \
         add x3, x3, x0, lsl #2; br x3; 3: .byte 0, 200; .p2align 2; 1: mov w2, #7; 2: leave",
        "leaves the function",
    ),
    sequence(
        "table of jumps of bytes with another unit",
        "i.i",
        "cmp w2, #1; b.hi 2f; adr x1, 3f; adr x3, 1f; ldrb w0, [x1, w2, uxtw]; \
         add x3, x3, x0, lsl #2; br x3; 3: .byte 0, (2f - 1f) / 4; .p2align 2; 1: mov w2, #7; 2: leave",
        "cmp w2, #1; b.hi 2f; adr x1, 3f; adr x3, 1f; ldrb w0, [x1, w2, uxtw]; \
         add x3, x3, x0, lsl #9; br x3; 3: .byte 0, (2f - 1f) / 4; .p2align 2; 1: mov w2, #7; 2: leave",
        "leaves the function",
    ),
    sequence(
        "table of jumps of half words by an index of bytes",
        "i.i",
        "cmp w2, #1; b.hi 2f; adr x1, 3f; adr x3, 1f; ldrh w0, [x1, w2, uxtw #1]; \
         add x3, x3, x0, lsl #2; br x3; 3: .hword 0, (2f - 1f) / 4; 1: mov w2, #7; 2: leave",
        "cmp w2, #1; b.hi 2f; adr x1, 3f; adr x3, 1f; ldrh w0, [x1, w2, uxtw]; \
         add x3, x3, x0, lsl #2; br x3; 3: .hword 0, (2f - 1f) / 4; 1: mov w2, #7; 2: leave",
        "a table of jumps is not bounded",
    ),
    sequence(
        "two entries of a table that differ",
        "ii.i",
        "cmp w2, #1; b.hi 2f; adr x1, 3f; ldrb w0, [x1, w2, uxtw]; mov w4, w0; cmp w0, w4; b.eq 2f; \
         str x2, [x29, #16]; 2: leave; ret; 3: .byte 5, 6; .p2align 2",
        "cmp w2, #1; b.hi 2f; cmp w3, #1; b.hi 2f; adr x1, 3f; ldrb w0, [x1, w2, uxtw]; \
         ldrb w4, [x1, w3, uxtw]; cmp w0, w4; b.eq 2f; str x2, [x29, #16]; 2: leave; ret; \
         3: .byte 5, 6; .p2align 2",
        "above the frame",
    ),
    sequence(
        "call without a signature",
        "i.i",
        "cmp w2, #4; b.hs 1f; mov w3, w2; address x1, w2n.entries.0; add x1, x1, x3, lsl #4; \
         ldp x3, x4, [x1]; address x5, w2n.sig.i.i; cmp x5, x4; b.ne 1f; blr x3; leave; ret; \
         1: udf #0",
        "cmp w2, #4; b.hs 1f; mov w3, w2; address x1, w2n.entries.0; add x1, x1, x3, lsl #4; \
         ldr x3, [x1]; blr x3; leave; ret; 1: udf #0",
        "signature was not compared",
    ),
    sequence(
        "signature after the call",
        "i.i",
        "cmp w2, #4; b.hs 1f; mov w3, w2; address x1, w2n.entries.0; add x1, x1, x3, lsl #4; \
         ldp x3, x4, [x1]; address x5, w2n.sig.i.i; cmp x5, x4; b.ne 1f; blr x3; leave; ret; \
         1: udf #0",
        "cmp w2, #4; b.hs 1f; mov w3, w2; address x1, w2n.entries.0; add x1, x1, x3, lsl #4; \
         ldp x3, x19, [x1]; blr x3; address x5, w2n.sig.i.i; cmp x5, x19; b.ne 1f; leave; ret; \
         1: udf #0",
        "signature was not compared",
    ),
    sequence(
        "signature of another entry",
        "i.i",
        "cmp w2, #3; b.hs 1f; mov w3, w2; address x1, w2n.entries.0; add x1, x1, x3, lsl #4; \
         ldr x3, [x1, #16]; ldr x4, [x1, #24]; address x5, w2n.sig.i.i; cmp x5, x4; b.ne 1f; \
         blr x3; leave; ret; 1: udf #0",
        "cmp w2, #3; b.hs 1f; mov w3, w2; address x1, w2n.entries.0; add x1, x1, x3, lsl #4; \
         ldr x3, [x1, #16]; ldr x4, [x1, #8]; address x5, w2n.sig.i.i; cmp x5, x4; b.ne 1f; \
         blr x3; leave; ret; 1: udf #0",
        "signature was not compared",
    ),
    sequence(
        "compare of half of a signature",
        "i.i",
        "cmp w2, #4; b.hs 1f; mov w3, w2; address x1, w2n.entries.0; add x1, x1, x3, lsl #4; \
         ldp x3, x4, [x1]; address x5, w2n.sig.i.i; cmp x5, x4; b.ne 1f; blr x3; leave; ret; \
         1: udf #0",
        "cmp w2, #4; b.hs 1f; mov w3, w2; address x1, w2n.entries.0; add x1, x1, x3, lsl #4; \
         ldp x3, x4, [x1]; address x5, w2n.sig.i.i; cmp w5, w4; b.ne 1f; blr x3; leave; ret; \
         1: udf #0",
        "signature was not compared",
    ),
    sequence(
        "table that was written after the compare",
        "i.i",
        "cmp w2, #4; b.hs 1f; mov w3, w2; address x6, w2n.entries.0; add x1, x6, x3, lsl #4; \
         str xzr, [x6]; ldr x4, [x1, #8]; address x5, w2n.sig.i.i; cmp x5, x4; b.ne 1f; \
         ldr x3, [x1]; blr x3; leave; ret; 1: udf #0",
        "cmp w2, #4; b.hs 1f; mov w3, w2; address x6, w2n.entries.0; add x1, x6, x3, lsl #4; \
         ldr x4, [x1, #8]; address x5, w2n.sig.i.i; cmp x5, x4; b.ne 1f; str xzr, [x6]; \
         ldr x3, [x1]; blr x3; leave; ret; 1: udf #0",
        "signature was not compared",
    ),
    sequence(
        "index of a table without a bound",
        "i.r",
        "cmp w2, #4; b.hs 1f; mov w3, w2; lsl x3, x3, #4; address x1, w2n.entries.0; \
         ldr x2, [x1, x3]; leave; ret; 1: udf #0",
        "cmp w2, #5; b.hs 1f; mov w3, w2; lsl x3, x3, #4; address x1, w2n.entries.0; \
         ldr x2, [x1, x3]; leave; ret; 1: udf #0",
        "not within the 64 bytes",
    ),
    sequence(
        "signed compare of the index of a table",
        "i.r",
        "cmp w2, #4; b.hs 1f; address x1, w2n.entries.0; add x1, x1, w2, uxtw #4; ldr x2, [x1]; \
         leave; ret; 1: udf #0",
        "cmp w2, #4; b.ge 1f; address x1, w2n.entries.0; add x1, x1, w2, uxtw #4; ldr x2, [x1]; \
         leave; ret; 1: udf #0",
        "not within the 64 bytes",
    ),
    sequence(
        "entries that may have moved",
        "i.r",
        "address x19, w2n.table.1; mov w20, w2; bl g; ldr x4, [x19, #8]; cmp x20, x4; b.hs 1f; \
         ldr x1, [x19]; ldr x2, [x1, x20, lsl #3]; udf #0; 1: udf #0",
        "address x19, w2n.table.1; mov w20, w2; ldr x21, [x19]; bl g; ldr x4, [x19, #8]; \
         cmp x20, x4; b.hs 1f; ldr x2, [x21, x20, lsl #3]; udf #0; 1: udf #0",
        "nothing is known of the address",
    ),
    sequence(
        "call of a function that is not the runtime's",
        "l.l",
        "address x0, w2n.memory.0; mov x1, #1; bl w2n_memory_grow; leave",
        "bl system; leave",
        "neither the runtime's nor imported",
    ),
    sequence(
        "base that moves and is loaded",
        "l.l",
        "address x1, w2n.global.0; ldr x2, [x1], #8; leave",
        "address x1, w2n.global.0; .inst 0xf8408421; leave",
        "exclude each other",
    ),
    sequence(
        "table of jumps that the linker changes",
        "i.i",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lo; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long 1f - 3b, 2f - 3b; 1: mov w2, #7; 2: leave",
        "mov x0, #1; cmp w2, #1; csel x0, x2, x0, lo; adr x1, 3f; ldrsw x0, [x1, w0, uxtw #2]; \
         add x1, x1, x0; br x1; 3: .long w2n.sig.i.i - ., 2f - 3b; 1: mov w2, #7; 2: leave",
        "that the linker changes",
    ),
    sequence("system call", "i.i", "leave", "svc #0; leave", "is not an instruction that code may have"),
    sequence("system register", "l.l", "leave", "msr tpidr_el0, x2; leave", "is not an instruction"),
    sequence("counter of the processor", "l.l", "leave", "mrs x2, cntvct_el0; leave", "is not an instruction"),
    sequence("maintenance of caches", "l.l", "dmb ish; leave", "ic ivau, x2; leave", "is not an instruction"),
    sequence("access without privilege", "l.l", "leave", "ldtr x2, [x29]; leave", "is not an instruction"),
    sequence("word that is not an instruction", "i.i", "udf #0", ".long 0xffffffff; leave", "not an instruction"),
    sequence(
        "pages of a frame from elsewhere",
        "i.i",
        "mov x16, #0; mov x17, #0x7000; 1: sub x16, x16, #1, lsl #12; str wzr, [sp, x16]; \
         cmn x16, x17; b.gt 1b; leave",
        "mov x16, x2; mov x17, #0x7000; 1: sub x16, x16, #1, lsl #12; str wzr, [sp, x16]; \
         cmn x16, x17; b.gt 1b; leave",
        "not those of the frame",
    ),
    sequence(
        "jump into the loop that touches pages",
        "i.i",
        "mov x16, #0; mov x17, #0x7000; cbz w2, 1f; 1: sub x16, x16, #1, lsl #12; \
         str wzr, [sp, x16]; cmn x16, x17; b.gt 1b; leave",
        "mov x16, #0; mov x17, #0x7000; cbz w2, 2f; 1: sub x16, x16, #1, lsl #12; \
         2: str wzr, [sp, x16]; cmn x16, x17; b.gt 1b; leave",
        "the middle of an instruction",
    ),
    sequence("code that runs out of the function", "i.i", "udf #0", "nop", "runs out of the function"),
];
