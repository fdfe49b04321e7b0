//! Wrong sequences of machine code, each beside a right one that differs in little: those of
//! x86-64, and what checks them for any processor.
//!
//! They are written for GNU as. Every one is the body of a function `f`; [`AROUND`] has what they
//! refer to: three memories, tables, a global, signatures, other functions.

use anyhow::{Context, Result, ensure};
use code_checker::{Report, Trusted, check};
use std::process::Command;
use test_kit::tool;
use test_kit::trial::Skip;

pub struct Sequence {
    pub name: &'static str,
    /// The type of `f`.
    pub signature: &'static str,
    pub right: &'static str,
    pub wrong: &'static str,
    /// A part of the reason for which the wrong one is refused.
    pub reason: &'static str,
}

/// What sequences of a processor have in common.
pub struct Assembly {
    pub processor: &'static str,
    /// The C compiler whose assembler it is for.
    pub compiler: &'static str,
    pub around: &'static str,
    /// What is there besides.
    pub more: &'static str,
    /// The module that the code is of, in text form, if LLVM made it.
    pub module: Option<&'static str>,
    /// The beginning of a function, and what `leave` stands for.
    pub enter: &'static str,
    pub leave: &'static str,
    /// Ends of bodies after which nothing follows: others go on to their return.
    pub ends: &'static [&'static str],
}

pub const ASSEMBLY: Assembly = Assembly {
    processor: "x86_64",
    compiler: "cc",
    around: AROUND,
    more: "",
    module: None,
    enter: "push rbp\n mov rbp, rsp",
    // What Cranelift writes in place of it.
    leave: "mov rsp, rbp; pop rbp",
    ends: &["ret", "ud2", "nop", "jmp g", "jmp g + 2", "ret 16", "5", "5, 5"],
};

pub const fn sequence(
    name: &'static str,
    signature: &'static str,
    right: &'static str,
    wrong: &'static str,
    reason: &'static str,
) -> Sequence {
    Sequence { name, signature, right, wrong, reason }
}

/// Memory 0 has 32-bit addresses and its guard, memories 1 and 2 are compared; see
/// `abi::memory::Memory`. Table 0 lies at a fixed place, table 1 is found by its descriptor.
const AROUND: &str = "
        .intel_syntax noprefix
        .data
        .macro record name, size
        .hidden \\name
        .globl \\name
        .type \\name, @object
        .size \\name, \\size
    \\name:
        .endm
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
        .section .rodata
        record w2n.sig.i.i, 4
        .long 0
        record w2n.sig.l.l, 4
        .long 0
        .text
    text_start:
        .macro function name, signature
        .p2align 4
        .long \\signature - . - 4
        .type \\name, @function
    \\name:
        .endm
        .p2align 4, 0xcc
        .skip 12, 0xcc
        .globl g
        .hidden g
        function g, w2n.sig.i.i
        mov eax, edi
        ret
        .size g, . - g
        .p2align 4, 0xcc
        .skip 12, 0xcc
        .globl h
        .hidden h
        function h, w2n.sig.l.l
        mov rax, rdi
        ret
        .size h, . - h
        .p2align 4, 0xcc
        .skip 12, 0xcc
";

pub const SEQUENCES: &[Sequence] = &[
    sequence(
        "missing zero extension",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; mov eax, [rsi + rdi]; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov eax, [rsi + rdi]; leave",
        "neither within the guard",
    ),
    sequence(
        "sign extension",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; mov eax, [rsi + rdi]; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; movsxd rdi, edi; mov eax, [rsi + rdi]; leave",
        "neither within the guard",
    ),
    sequence(
        "offset beyond the guard",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; mov eax, 0xffffffff; \
         add rsi, rax; mov eax, [rsi + rdi]; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; movabs rax, 0x200000000; \
         add rsi, rax; mov eax, [rsi + rdi]; leave",
        "neither within the guard",
    ),
    sequence(
        "offset before the memory",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; mov rax, [rsi + rdi + 8]; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; mov rax, [rsi + rdi - 8]; leave",
        "before the memory",
    ),
    sequence(
        "scaled index",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; mov rax, [rsi + rdi * 2]; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; mov rax, [rsi + rdi * 8]; leave",
        "neither within the guard",
    ),
    sequence(
        "compare of another register",
        "ll.l",
        "lea rcx, w2n.memory.1[rip]; cmp rdi, [rcx + 8]; ja 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; cmp rsi, [rcx + 8]; ja 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "signed compare",
        "l.l",
        "lea rcx, w2n.memory.1[rip]; cmp rdi, [rcx + 8]; ja 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; cmp rdi, [rcx + 8]; jg 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "the greater of two numbers with a sign",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; sub rdi, 31; xor eax, eax; \
         cmp rax, rdi; cmovl rax, rdi; mov eax, [rsi + rax]; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; sub rdi, 31; xor eax, eax; \
         cmp rax, rdi; cmovg rax, rdi; mov eax, [rsi + rax]; leave",
        "neither within the guard",
    ),
    sequence(
        "signed compare of half of a number",
        "l.l",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; sub rdi, 31; xor eax, eax; \
         cmp rax, rdi; cmovl rax, rdi; mov eax, [rsi + rax]; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov edi, edi; shl rdi, 4; xor eax, eax; \
         cmp eax, edi; cmovl rax, rdi; mov eax, [rsi + rax]; leave",
        "neither within the guard",
    ),
    sequence(
        "slot above an address that is handed over",
        "i.i",
        "sub rsp, 32; lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov [rsp + 16], rsi; and edi, 7; \
         call g; mov rsi, [rsp + 16]; mov eax, [rsi]; leave",
        "sub rsp, 32; lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; mov [rsp + 16], rsi; and edi, 7; \
         lea rdi, [rsp + rdi]; call g; mov rsi, [rsp + 16]; mov eax, [rsi]; leave",
        "nothing is known of the address",
    ),
    sequence(
        "multiple of another number",
        "i.i",
        "lea rcx, w2n.memory.1[rip]; mov edi, edi; mov rax, rdi; and rax, -32; cmp rax, [rcx + 8]; ja 1f; \
         shr rdi, 5; shl rdi, 5; mov rcx, [rcx]; mov eax, [rcx + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; mov edi, edi; mov rax, rdi; and rax, -32; cmp rax, [rcx + 8]; ja 1f; \
         shr rdi, 4; shl rdi, 5; mov rcx, [rcx]; mov eax, [rcx + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "compare the other way round",
        "l.l",
        "lea rcx, w2n.memory.1[rip]; cmp rdi, [rcx + 8]; ja 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; cmp rdi, [rcx + 8]; jb 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "compare of 32 bits",
        "l.l",
        "lea rcx, w2n.memory.1[rip]; cmp rdi, [rcx + 8]; ja 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; cmp edi, [rcx + 8]; ja 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "size of another memory",
        "l.l",
        "lea rcx, w2n.memory.1[rip]; lea rdx, w2n.memory.1[rip]; cmp rdi, [rdx + 8]; ja 1f; \
         mov rax, [rcx]; mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; lea rdx, w2n.memory.2[rip]; cmp rdi, [rdx + 8]; ja 1f; \
         mov rax, [rcx]; mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "index changed after the compare",
        "ll.l",
        "lea rcx, w2n.memory.1[rip]; mov rdi, rsi; cmp rdi, [rcx + 8]; ja 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; cmp rdi, [rcx + 8]; ja 1f; mov rdi, rsi; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "compare after the access",
        "l.l",
        "lea rcx, w2n.memory.1[rip]; cmp rdi, [rcx + 8]; ja 1f; mov rax, [rcx]; \
         mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; mov rax, [rcx]; mov rax, [rax + rdi]; cmp rdi, [rcx + 8]; \
         ja 1f; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "way around the compare",
        "li.l",
        "lea rcx, w2n.memory.1[rip]; test esi, esi; je 2f; nop; 2: cmp rdi, [rcx + 8]; ja 1f; \
         mov rax, [rcx]; mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; test esi, esi; je 2f; cmp rdi, [rcx + 8]; ja 1f; \
         2: mov rax, [rcx]; mov rax, [rax + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "index that grows in a loop",
        "l.l",
        "lea rcx, w2n.memory.1[rip]; mov rdx, [rcx]; 2: cmp rdi, [rcx + 8]; ja 1f; \
         mov rax, [rdx + rdi]; add rdi, 8; test rax, rax; jne 2b; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; mov rdx, [rcx]; cmp rdi, [rcx + 8]; ja 1f; \
         2: mov rax, [rdx + rdi]; add rdi, 8; test rax, rax; jne 2b; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "two numbers that move together",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; xor eax, eax; xor edx, edx; \
         2: movzx ecx, byte ptr [rsi + rax]; add rax, 4; add rdx, 3; cmp rdx, 300; jne 2b; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; xor eax, eax; xor edx, edx; \
         2: movzx ecx, byte ptr [rsi + rax]; add rax, 4; add rdx, 3; cmp rdx, 301; jne 2b; leave",
        "neither within the guard",
    ),
    sequence(
        "two numbers that move apart",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; xor eax, eax; xor edx, edx; \
         2: movzx ecx, byte ptr [rsi + rax]; test ecx, ecx; je 3f; nop; 3: add rax, 4; \
         add rdx, 3; cmp rdx, 300; jne 2b; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; xor eax, eax; xor edx, edx; \
         2: movzx ecx, byte ptr [rsi + rax]; test ecx, ecx; je 3f; shl rax; 3: add rax, 4; \
         add rdx, 3; cmp rdx, 300; jne 2b; leave",
        "neither within the guard",
    ),
    sequence(
        "number that counts down to another",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; and edi, 0xffff; lea rsi, [rsi + rdi * 8]; \
         lea rdx, [rdi + 1]; imul rdx, rdx, -8; xor eax, eax; \
         2: movzx ecx, byte ptr [rsi + rax]; add rax, -8; cmp rax, rdx; jne 2b; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; and edi, 0xffff; lea rsi, [rsi + rdi * 8]; \
         imul rdx, rdi, -8; xor eax, eax; \
         2: movzx ecx, byte ptr [rsi + rax]; add rax, -8; cmp rax, rdx; jne 2b; leave",
        "memory",
    ),
    sequence(
        "number that counts down to a constant",
        "i.i",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; add rsi, 64; xor eax, eax; \
         2: movzx ecx, byte ptr [rsi + rax]; add rax, -8; cmp rax, -64; jne 2b; leave",
        "lea rsi, w2n.memory.0[rip]; mov rsi, [rsi]; add rsi, 48; xor eax, eax; \
         2: movzx ecx, byte ptr [rsi + rax]; add rax, -8; cmp rax, -64; jne 2b; leave",
        "before the memory",
    ),
    sequence(
        "sum that wraps before the compare",
        "ll.l",
        "lea rcx, w2n.memory.1[rip]; lea rax, [rdi + rsi]; cmp rax, [rcx + 8]; ja 1f; \
         mov rdx, [rcx]; mov rax, [rdx + rax]; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; lea rax, [rdi + rsi]; cmp rax, [rcx + 8]; ja 1f; \
         mov rdx, [rcx]; mov rax, [rdx + rdi]; leave; ret; 1: ud2",
        "nor compared with the size",
    ),
    sequence(
        "copy without a compare",
        "lil.",
        "lea rcx, w2n.memory.1[rip]; mov rax, rdi; add rax, rdx; jb 1f; cmp rax, [rcx + 8]; \
         ja 1f; add rdi, [rcx]; call memset; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; mov rax, rdi; add rax, rdx; jb 1f; cmp rdi, [rcx + 8]; \
         ja 1f; add rdi, [rcx]; call memset; leave; ret; 1: ud2",
        "its end was not compared",
    ),
    sequence(
        "end of a copy that wraps",
        "lil.",
        "lea rcx, w2n.memory.1[rip]; mov rax, rdi; add rax, rdx; jb 1f; cmp rax, [rcx + 8]; \
         ja 1f; add rdi, [rcx]; call memset; leave; ret; 1: ud2",
        "lea rcx, w2n.memory.1[rip]; mov rax, rdi; add rax, rdx; cmp rax, [rcx + 8]; ja 1f; \
         add rdi, [rcx]; call memset; leave; ret; 1: ud2",
        "its end was not compared",
    ),
    sequence(
        "store to the return address",
        "l.l",
        "sub rsp, 16; mov [rsp], rdi; leave",
        "sub rsp, 16; mov [rbp + 8], rdi; leave",
        "does not find its return address",
    ),
    sequence(
        "store to the saved frame pointer",
        "l.l",
        "sub rsp, 16; mov [rbp - 8], rdi; leave",
        "sub rsp, 16; mov [rbp - 4], rdi; mov [rbp], rdi; leave",
        "is not what it was",
    ),
    sequence("store above the frame", "l.l", "push rdi; leave", "mov [rbp + 16], rdi; leave", "above the frame"),
    sequence(
        "store below the stack",
        "l.l",
        "sub rsp, 16; mov [rsp + 8], rdi; leave",
        "mov [rsp - 8], rdi; leave",
        "below the stack",
    ),
    sequence(
        "place in the frame that is not known",
        "l.l",
        "sub rsp, 16; and edi, 8; mov [rsp + rdi], rax; leave",
        "sub rsp, 16; mov [rsp + rdi], rax; leave",
        "frame",
    ),
    sequence(
        "pops in the wrong order",
        "l.l",
        "push rbx; push r12; pop r12; pop rbx; leave",
        "push rbx; push r12; pop rbx; pop r12; leave",
        "is not what it was",
    ),
    sequence(
        "register that is not restored",
        "l.l",
        "push rbx; mov rbx, rdi; pop rbx; leave",
        "push rbx; mov rbx, rdi; leave",
        "is not what it was",
    ),
    sequence(
        "frame that is not freed",
        "l.l",
        "sub rsp, 16; add rsp, 16; pop rbp",
        "sub rsp, 16; pop rbp",
        "the stack pointer ends",
    ),
    sequence("return that takes arguments away", "l.l", "leave; ret", "leave; ret 16", "the stack pointer ends"),
    sequence("other stack", "l.l", "mov rsp, rbp; pop rbp", "mov rsp, rdi; pop rbp", "the stack pointer gets"),
    sequence("return to an address of one's own", "l.l", "push rdi; leave", "push rdi; ret", "the function's end"),
    sequence(
        "jump into an instruction",
        "i.i",
        "test edi, edi; je 1f; 1: mov eax, 0x90909090; leave",
        "test edi, edi; je 1f + 1; 1: mov eax, 0x90909090; leave",
        "the middle of an instruction",
    ),
    sequence(
        "jump into another function",
        "i.i",
        "leave; jmp g",
        "leave; jmp g + 2",
        "not the beginning of a function",
    ),
    sequence(
        "call into another function",
        "i.i",
        "call g; leave",
        "call g + 2; leave",
        "not the beginning of a function",
    ),
    sequence(
        "conditional jump to another function",
        "i.i",
        "test edi, edi; je 1f; 1: leave; jmp g",
        "test edi, edi; je g; leave",
        "leaves the function",
    ),
    sequence(
        "jump without a bound",
        "i.i",
        "mov eax, 1; mov edi, edi; cmp edi, eax; cmovb eax, edi; lea rcx, 3f[rip]; \
         movsxd rax, [rcx + rax * 4]; add rcx, rax; jmp rcx; 3: .long 1f - 3b, 2f - 3b; \
         1: mov eax, 7; 2: leave",
        "mov eax, edi; lea rcx, 3f[rip]; movsxd rax, [rcx + rax * 4]; add rcx, rax; jmp rcx; \
         3: .long 1f - 3b, 2f - 3b; 1: mov eax, 7; 2: leave",
        "a table of jumps is not bounded",
    ),
    sequence(
        "table of jumps that leaves the function",
        "i.i",
        "mov eax, 1; mov edi, edi; cmp edi, eax; cmovb eax, edi; lea rcx, 3f[rip]; \
         movsxd rax, [rcx + rax * 4]; add rcx, rax; jmp rcx; 3: .long 1f - 3b, 2f - 3b; \
         1: mov eax, 7; 2: leave",
        "mov eax, 1; mov edi, edi; cmp edi, eax; cmovb eax, edi; lea rcx, 3f[rip]; \
         movsxd rax, [rcx + rax * 4]; add rcx, rax; jmp rcx; 3: .long 1f - 3b, -64; \
         1: mov eax, 7; 2: leave",
        "leaves the function",
    ),
    sequence(
        "table of jumps by a number that is known",
        "i.i",
        "test edi, edi; je 2f; lea rcx, 3f[rip]; movsxd rax, [rcx + 4]; add rcx, rax; jmp rcx; \
         3: .long 1f - 3b, 2f - 3b; 1: mov eax, 7; 2: leave",
        "test edi, edi; je 2f; lea rcx, 3f[rip]; movsxd rax, [rcx + 4]; lea rcx, 3f[rip + 1]; \
         add rcx, rax; jmp rcx; 3: .long 1f - 3b, 2f - 3b; 1: mov eax, 7; 2: leave",
        "the middle of an instruction",
    ),
    sequence(
        "part of a table of jumps",
        "i.i",
        "and edi, 1; lea rcx, 3f[rip]; movsxd rax, [rcx + rdi * 4 + 4]; add rcx, rax; jmp rcx; \
         3: .long -64, 1f - 3b, 2f - 3b; 1: mov eax, 7; 2: leave",
        "and edi, 1; lea rcx, 3f[rip]; movsxd rax, [rcx + rdi * 4]; add rcx, rax; jmp rcx; \
         3: .long -64, 1f - 3b, 2f - 3b; 1: mov eax, 7; 2: leave",
        "leaves the function",
    ),
    sequence(
        "table of jumps that lies in code",
        "i.i",
        "and edi, 1; lea rcx, 3f[rip]; movsxd rax, [rcx + rdi * 4]; add rcx, rax; jmp rcx; \
         3: .long 1f - 3b, 2f - 3b; 1: mov eax, 7; 2: leave",
        "and edi, 1; lea rcx, 3f[rip]; movsxd rax, [rcx + rdi * 4]; add rcx, rax; jmp rcx; \
         3: .long 1f - 3b; 1: .byte 0x0c, 0, 0, 0; leave",
        "lies in code",
    ),
    sequence(
        "call without a signature",
        "i.i",
        "cmp edi, 4; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rdi]; lea rdx, w2n.sig.i.i[rip]; cmp rdx, [rcx + rdi + 8]; jne 1f; \
         call rax; leave; ret; 1: ud2",
        "cmp edi, 4; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rdi]; call rax; leave; ret; 1: ud2",
        "signature was not compared",
    ),
    sequence(
        "signature after the call",
        "i.i",
        "cmp edi, 4; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rdi]; lea rdx, w2n.sig.i.i[rip]; cmp rdx, [rcx + rdi + 8]; jne 1f; \
         call rax; leave; ret; 1: ud2",
        "cmp edi, 4; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rdi]; mov r12, [rcx + rdi + 8]; call rax; lea rdx, w2n.sig.i.i[rip]; \
         cmp rdx, r12; jne 1f; leave; ret; 1: ud2",
        "signature was not compared",
    ),
    sequence(
        "signature of another entry",
        "i.i",
        "cmp edi, 3; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rdi + 16]; lea rdx, w2n.sig.i.i[rip]; cmp rdx, [rcx + rdi + 24]; jne 1f; \
         call rax; leave; ret; 1: ud2",
        "cmp edi, 3; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rdi + 16]; lea rdx, w2n.sig.i.i[rip]; cmp rdx, [rcx + rdi + 8]; jne 1f; \
         call rax; leave; ret; 1: ud2",
        "signature was not compared",
    ),
    sequence(
        "table that was written after the compare",
        "i.i",
        "cmp edi, 4; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov qword ptr [rcx], 0; lea rdx, w2n.sig.i.i[rip]; cmp rdx, [rcx + rdi + 8]; jne 1f; \
         mov rax, [rcx + rdi]; call rax; leave; ret; 1: ud2",
        "cmp edi, 4; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         lea rdx, w2n.sig.i.i[rip]; cmp rdx, [rcx + rdi + 8]; jne 1f; mov qword ptr [rcx], 0; \
         mov rax, [rcx + rdi]; call rax; leave; ret; 1: ud2",
        "signature was not compared",
    ),
    sequence(
        "index of a table without a bound",
        "i.r",
        "cmp edi, 4; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rdi]; leave; ret; 1: ud2",
        "cmp edi, 5; jae 1f; mov edi, edi; shl rdi, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rdi]; leave; ret; 1: ud2",
        "not within the 64 bytes",
    ),
    sequence(
        "entries that may have moved",
        "i.r",
        "lea rbx, w2n.table.1[rip]; mov edi, edi; mov r12, rdi; call g; cmp r12, [rbx + 8]; \
         jae 1f; mov rax, [rbx]; mov rax, [rax + r12 * 8]; ud2; 1: ud2",
        "lea rbx, w2n.table.1[rip]; mov edi, edi; mov r12, rdi; mov r13, [rbx]; call g; \
         cmp r12, [rbx + 8]; jae 1f; mov rax, [r13 + r12 * 8]; ud2; 1: ud2",
        "nothing is known of the address",
    ),
    sequence("constant address", "i.i", "mov eax, 0x1000; leave", "mov eax, [0x1000]; leave", "a constant address"),
    sequence(
        "pointer as a parameter",
        "l.l",
        "mov rax, rdi; leave",
        "mov rax, [rdi]; leave",
        "nothing is known of the address",
    ),
    sequence(
        "load of code",
        "i.i",
        "lea rax, g[rip]; leave",
        "lea rax, g[rip]; movzx eax, byte ptr [rax]; leave",
        "code does not access",
    ),
    sequence(
        "store to code",
        "i.i",
        "mov eax, 1f[rip]; leave; ret; 1: .long 5",
        "mov 1f[rip], eax; leave; ret; 1: .long 5",
        "code is not written",
    ),
    sequence(
        "compare of another byte than that of the index",
        "i.r",
        "cmp dil, 4; jae 1f; movzx eax, dil; shl rax, 4; lea rcx, w2n.entries.0[rip]; mov rax, [rcx + rax]; \
         leave; ret; 1: ud2",
        "mov eax, edi; cmp ah, 4; jae 1f; movzx eax, al; shl rax, 4; lea rcx, w2n.entries.0[rip]; \
         mov rax, [rcx + rax]; leave; ret; 1: ud2",
        "not within the 64 bytes",
    ),
    sequence(
        "condition in memory",
        "i.i",
        "sub rsp, 16; test edi, edi; setne byte ptr [rsp]; leave",
        "sub rsp, 16; test edi, edi; setne byte ptr [rdi]; leave",
        "nothing is known of the address",
    ),
    sequence(
        "condition as an index",
        "i.i",
        "xor ecx, ecx; test edi, edi; sete cl; lea rdx, 1f[rip]; mov eax, [rdx + rcx * 4]; leave; ret; \
         1: .long 5, 5",
        "mov ecx, esi; test edi, edi; sete cl; lea rdx, 1f[rip]; mov eax, [rdx + rcx * 4]; leave; ret; \
         1: .long 5, 5",
        "not among the function's own constants",
    ),
    sequence(
        "increment that wraps",
        "l.l",
        "lea rsi, w2n.memory.1[rip]; mov rsi, [rsi]; mov rax, rdi; inc rax; je 1f; cmp rax, 5; jae 1f; \
         mov rax, [rsi + rdi * 8]; leave; ret; 1: ud2",
        "lea rsi, w2n.memory.1[rip]; mov rsi, [rsi]; mov rax, rdi; inc rax; cmp rax, 5; jae 1f; \
         mov rax, [rsi + rdi * 8]; leave; ret; 1: ud2",
        "neither within the guard",
    ),
    sequence(
        "store beyond a global",
        "l.l",
        "lea rax, w2n.global.0[rip]; mov [rax], rdi; leave",
        "lea rax, w2n.global.0[rip]; mov [rax + 4], rdi; leave",
        "not within the 8 bytes",
    ),
    sequence(
        "store to a memory's record",
        "l.l",
        "lea rax, w2n.memory.0[rip]; mov rdx, [rax + 8]; leave",
        "lea rax, w2n.memory.0[rip]; mov [rax + 8], rdi; leave",
        "code does not access",
    ),
    sequence(
        "call of a function that is not the runtime's",
        "l.l",
        "lea rdi, w2n.memory.0[rip]; mov esi, 1; call w2n_memory_grow; leave",
        "call system; leave",
        "neither the runtime's nor imported",
    ),
    sequence("system call", "i.i", "leave", "syscall; leave", "is not an instruction that code may have"),
    sequence("interrupt", "i.i", "ud2", "int 0x80; leave", "is not an instruction that code may have"),
    sequence(
        "copy by a string instruction",
        "iii.",
        "leave",
        "mov ecx, edx; rep movsb; leave",
        "is not an instruction that code may have",
    ),
    sequence("access relative to a segment", "i.i", "leave", "mov rax, fs:[0]; leave", "relative to a segment"),
    sequence("code that runs out of the function", "i.i", "ud2", "nop", "runs out of the function"),
];

/// What the checker says of a body.
fn report(assembly: &Assembly, sequence: &Sequence, body: &str) -> Result<Report> {
    if assembly.compiler == "cc" && std::env::consts::ARCH != assembly.processor {
        return Err(Skip::Reason("the assembler of this machine is for another processor".to_owned()).into());
    }
    tool::require_command(assembly.compiler)?;
    let folder = tempfile::tempdir()?;
    let (source, object) = (folder.path().join("it.s"), folder.path().join("it.o"));
    // One that ends in a trap or is to run out has no return.
    let last = if assembly.ends.iter().any(|end| body.ends_with(end)) { "" } else { "ret" };
    let signature = format!("w2n.sig.{}", sequence.signature);
    let declared = if assembly.around.contains(&format!("record {signature},")) {
        String::new()
    } else {
        format!(".section .rodata\n record {signature}, 4\n .long 0\n .text\n")
    };
    let Assembly { around, more, enter, leave, .. } = assembly;
    let text = format!("{around}{more}{declared}function f, {signature}\n{enter}\n{body}\n{last}\n.size f, . - f\n");
    std::fs::write(&source, text.replace("leave", leave))?;
    let output = Command::new(assembly.compiler).arg("-c").arg(&source).arg("-o").arg(&object).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let module = assembly.module.map(wat::parse_str).transpose()?;
    let llvm = module.is_some();
    let trusted = Trusted { module: module.as_deref(), llvm, runtime: &["w2n_memory_grow"], ..Trusted::default() };
    check(&std::fs::read(&object)?, &trusted)
}

pub fn is_accepted(assembly: &Assembly, sequence: &Sequence) -> Result<()> {
    let report = report(assembly, sequence, sequence.right)?;
    ensure!(report.failures.is_empty(), "{report}: {:?}", report.failures);
    Ok(())
}

pub fn is_refused(assembly: &Assembly, sequence: &Sequence) -> Result<()> {
    let report = report(assembly, sequence, sequence.wrong)?;
    let failure = report.failures.first().with_context(|| format!("accepted: {report}"))?;
    let reasons: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    ensure!(reasons.iter().any(|reason| reason.contains(sequence.reason)), "for another reason: {reasons:?}");
    ensure!(failure.to_string().starts_with("f+0x"), "the message does not say where: {failure}");
    Ok(())
}
