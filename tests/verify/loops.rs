//! Wrong loops: what holds in each round, as the checker guesses it. [`crate::sequences`] says what
//! the rows are.

use crate::sequences::{Sequence, sequence};

/// The index begins below zero and wraps, and the address that goes along does not.
const WRAPS_ON_X86_64: &str = "\
     lea rsi, w2n.memory.1[rip]; mov r8, [rsi + 8]; mov rsi, [rsi]; shr edi, 5; shl rdi, 5; \
     lea rcx, [rdi + 0x12778]; mov r9d, 0xffffffff; cmp rcx, r9; ja 2f; add rdi, 32; xor eax, eax; \
     mov edx, 0xffffff00; 1: lea ecx, [rdx + 0x12868]; cmp rcx, r8; jae 2f; \
     mov [rsi + rax + 0x12768], cl; add rax, 32; add edx, 32; cmp rax, rdi; jne 1b; leave; ret; 2: ud2";

/// The index begins below zero and wraps, and the address that goes along does not.
const WRAPS_ON_AARCH64: &str = "\
     address x1, w2n.memory.1; ldr x8, [x1, #8]; ldr x1, [x1]; lsr w7, w2, #5; lsl x7, x7, #5; \
     mov w9, #0xfffffff0; mov w10, #0x2768; movk w10, #1, lsl #16; add x6, x7, x10; cmp x6, x9; b.hi 2f; \
     add x7, x7, #32; add x1, x1, x10; mov x3, #0; mov w4, #0xffffff00; mov w5, #0x2868; \
     movk w5, #1, lsl #16; 1: add w6, w4, w5; cmp x6, x8; b.hs 2f; strb w6, [x1, x3]; \
     add x3, x3, #32; add w4, w4, #32; cmp x3, x7; b.ne 1b; leave; ret; 2: udf #0";

pub const OF_X86_64: &[Sequence] = &[
    sequence(
        "index that wraps as its address does not, by another step",
        "i.i",
        WRAPS_ON_X86_64,
        "lea rsi, w2n.memory.1[rip]; mov r8, [rsi + 8]; mov rsi, [rsi]; shr edi, 5; shl rdi, 5; \
         lea rcx, [rdi + 0x12778]; mov r9d, 0xffffffff; cmp rcx, r9; ja 2f; add rdi, 32; xor eax, eax; \
         mov edx, 0xffffff00; 1: lea ecx, [rdx + 0x12868]; cmp rcx, r8; jae 2f; \
         mov [rsi + rax + 0x12768], cl; add rax, 32; add edx, 16; cmp rax, rdi; jne 1b; leave; ret; 2: ud2",
        "neither within the guard",
    ),
    sequence(
        "index that wraps, and its address, too",
        "i.i",
        WRAPS_ON_X86_64,
        "lea rsi, w2n.memory.1[rip]; mov r8, [rsi + 8]; mov rsi, [rsi]; shr edi, 5; shl rdi, 5; \
         add rdi, 32; xor eax, eax; \
         mov edx, 0xffffff00; 1: lea ecx, [rdx + 0x12868]; cmp rcx, r8; jae 2f; \
         mov [rsi + rax + 0x12768], cl; add rax, 32; add edx, 32; cmp rax, rdi; jne 1b; leave; ret; 2: ud2",
        "neither within the guard",
    ),
    sequence(
        "index that wraps beyond the guard from its address",
        "i.i",
        WRAPS_ON_X86_64,
        "lea rsi, w2n.memory.1[rip]; mov r8, [rsi + 8]; mov rsi, [rsi]; shr edi, 5; shl rdi, 5; \
         lea rcx, [rdi + 0x12778]; mov r9d, 0xffffffff; cmp rcx, r9; ja 2f; add rdi, 32; xor eax, eax; \
         mov edx, 0x70000000; 1: lea ecx, [rdx + 0x12868]; cmp rcx, r8; jae 2f; \
         mov [rsi + rax + 0x12768], cl; add rax, 32; add edx, 32; cmp rax, rdi; jne 1b; leave; ret; 2: ud2",
        "neither within the guard",
    ),
    sequence(
        "loop that ends by an order",
        "l.l",
        "lea rax, w2n.entries.0[rip]; lea rcx, [rax + 64]; 1: mov [rax], rdi; add rax, 8; cmp rax, rcx; \
         jb 1b; leave",
        "lea rax, w2n.entries.0[rip]; lea rcx, [rax + 64]; 1: mov [rax], rdi; add rax, 8; cmp rax, rcx; \
         jbe 1b; leave",
        "not within the 64 bytes",
    ),
];

pub const OF_AARCH64: &[Sequence] = &[
    sequence(
        "index that wraps as its address does not, by another step",
        "i.i",
        WRAPS_ON_AARCH64,
        "address x1, w2n.memory.1; ldr x8, [x1, #8]; ldr x1, [x1]; lsr w7, w2, #5; lsl x7, x7, #5; \
         mov w9, #0xfffffff0; mov w10, #0x2768; movk w10, #1, lsl #16; add x6, x7, x10; cmp x6, x9; b.hi 2f; \
         add x7, x7, #32; add x1, x1, x10; mov x3, #0; mov w4, #0xffffff00; mov w5, #0x2868; \
         movk w5, #1, lsl #16; 1: add w6, w4, w5; cmp x6, x8; b.hs 2f; strb w6, [x1, x3]; \
         add x3, x3, #32; add w4, w4, #16; cmp x3, x7; b.ne 1b; leave; ret; 2: udf #0",
        "neither within the guard",
    ),
    sequence(
        "index that wraps, and its address, too",
        "i.i",
        WRAPS_ON_AARCH64,
        "address x1, w2n.memory.1; ldr x8, [x1, #8]; ldr x1, [x1]; lsr w7, w2, #5; lsl x7, x7, #5; \
         mov w9, #0xfffffff0; mov w10, #0x2768; movk w10, #1, lsl #16; add x6, x7, x10; \
         add x7, x7, #32; add x1, x1, x10; mov x3, #0; mov w4, #0xffffff00; mov w5, #0x2868; \
         movk w5, #1, lsl #16; 1: add w6, w4, w5; cmp x6, x8; b.hs 2f; strb w6, [x1, x3]; \
         add x3, x3, #32; add w4, w4, #32; cmp x3, x7; b.ne 1b; leave; ret; 2: udf #0",
        "neither within the guard",
    ),
    sequence(
        "index that wraps beyond the guard from its address",
        "i.i",
        WRAPS_ON_AARCH64,
        "address x1, w2n.memory.1; ldr x8, [x1, #8]; ldr x1, [x1]; lsr w7, w2, #5; lsl x7, x7, #5; \
         mov w9, #0xfffffff0; mov w10, #0x2768; movk w10, #1, lsl #16; add x6, x7, x10; cmp x6, x9; b.hi 2f; \
         add x7, x7, #32; add x1, x1, x10; mov x3, #0; mov w4, #0x70000000; mov w5, #0x2868; \
         movk w5, #1, lsl #16; 1: add w6, w4, w5; cmp x6, x8; b.hs 2f; strb w6, [x1, x3]; \
         add x3, x3, #32; add w4, w4, #32; cmp x3, x7; b.ne 1b; leave; ret; 2: udf #0",
        "neither within the guard",
    ),
    sequence(
        "loop that ends by an order",
        "l.l",
        "address x1, w2n.entries.0; add x3, x1, #64; 1: str xzr, [x1], #8; cmp x1, x3; b.lo 1b; leave",
        "address x1, w2n.entries.0; add x3, x1, #72; 1: str xzr, [x1], #8; cmp x1, x3; b.lo 1b; leave",
        "not within the 64 bytes",
    ),
    sequence(
        "loop that ends by an order that has its last value",
        "l.l",
        "address x1, w2n.entries.0; add x3, x1, #64; 1: str xzr, [x1], #8; cmp x1, x3; b.lo 1b; leave",
        "address x1, w2n.entries.0; add x3, x1, #64; 1: str xzr, [x1], #8; cmp x1, x3; b.ls 1b; leave",
        "not within the 64 bytes",
    ),
    sequence(
        "loop over parts of 16, of which there may be none",
        "i.i",
        "address x1, w2n.memory.0; ldr x1, [x1]; cmp w2, #16; b.lo 2f; mov w3, w2; \
         and x3, x3, #0x7ffffffffffffff0; 1: subs x3, x3, #16; strb w2, [x1], #16; b.ne 1b; 2: leave",
        "address x1, w2n.memory.0; ldr x1, [x1]; cmp w2, #15; b.lo 2f; mov w3, w2; \
         and x3, x3, #0x7ffffffffffffff0; 1: subs x3, x3, #16; strb w2, [x1], #16; b.ne 1b; 2: leave",
        "neither within the guard",
    ),
];
