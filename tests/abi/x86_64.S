/* Calls with all registers set and seen, on x86-64. See support.h. */
#include "support.h"
    .intel_syntax noprefix
    .text

/* What a register holds that nobody may rely on. */
#define GARBAGE 0xdeadc0dedeadc0de

.macro store_control base, offset
    pushfq
    pop rax
    mov [\base + \offset], rax
    mov qword ptr [\base + \offset + 8], 0
    stmxcsr [\base + \offset + 8]
    mov qword ptr [\base + \offset + 16], 0
    fnstcw [\base + \offset + 16]
    /* Its third word is the tag word. It masks exceptions, hence fldenv. */
    sub rsp, 32
    fnstenv [rsp]
    movzx eax, word ptr [rsp + 8]
    mov [\base + \offset + 24], rax
    fldenv [rsp]
    add rsp, 32
    cld
.endm

/* abi_call(const struct outgoing *rdi, struct outcome *rsi) */
    .globl abi_call
    .type abi_call, @function
abi_call:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rsi
    /* Seven words and the return address: rsp is a multiple of 16 from here on. */
    sub rsp, STACK_BYTES
    mov r11, rdi
    lea rsi, [r11 + OUT_STACK]
    mov rdi, rsp
    mov ecx, STACK_BYTES / 8
    rep movsq
    lea rax, [rip + garbage]
    .irp number, 8, 9, 10, 11, 12, 13, 14, 15
    movaps xmm\number, [rax]
    .endr
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7
    movaps xmm\number, [r11 + OUT_VECTOR + 16 * \number]
    .endr
    lea rax, [rip + abi_saved_pattern]
    mov rbx, [rax]
    mov rbp, [rax + 8]
    mov r12, [rax + 16]
    mov r13, [rax + 24]
    mov r14, [rax + 32]
    mov r15, [rax + 40]
    mov rdi, [r11 + OUT_INTEGER]
    mov rsi, [r11 + OUT_INTEGER + 8]
    mov rdx, [r11 + OUT_INTEGER + 16]
    mov rcx, [r11 + OUT_INTEGER + 24]
    mov r8, [r11 + OUT_INTEGER + 32]
    mov r9, [r11 + OUT_INTEGER + 40]
    movabs rax, GARBAGE
    mov r10, rax
    call [r11 + OUT_FUNCTION]
    mov rcx, [rsp + STACK_BYTES]
    mov [rcx + OUTCOME_INTEGER], rax
    movups [rcx + OUTCOME_VECTOR], xmm0
    mov [rcx + OUTCOME_SAVED], rbx
    mov [rcx + OUTCOME_SAVED + 8], rbp
    mov [rcx + OUTCOME_SAVED + 16], r12
    mov [rcx + OUTCOME_SAVED + 24], r13
    mov [rcx + OUTCOME_SAVED + 32], r14
    mov [rcx + OUTCOME_SAVED + 40], r15
    store_control rcx, OUTCOME_CONTROL
    mov rsi, rsp
    lea rdi, [rcx + OUTCOME_STACK]
    mov ecx, STACK_BYTES / 8
    rep movsq
    add rsp, STACK_BYTES
    pop rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
    .size abi_call, . - abi_call

/* Whatever it is called with: the number is in r11. */
    .globl abi_receive
    .type abi_receive, @function
abi_receive:
    push rbp
    mov rbp, rsp
    sub rsp, RECEIVED_SIZE + 16
    and rsp, -16
    mov [rsp + RECEIVED_NUMBER], r11
    mov [rsp + RECEIVED_INTEGER], rdi
    mov [rsp + RECEIVED_INTEGER + 8], rsi
    mov [rsp + RECEIVED_INTEGER + 16], rdx
    mov [rsp + RECEIVED_INTEGER + 24], rcx
    mov [rsp + RECEIVED_INTEGER + 32], r8
    mov [rsp + RECEIVED_INTEGER + 40], r9
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7
    movaps [rsp + RECEIVED_VECTOR + 16 * \number], xmm\number
    .endr
    /* Behind the return address. */
    lea rax, [rbp + 16]
    mov [rsp + RECEIVED_ENTRY], rax
    mov [rsp + RECEIVED_STACK], rax
    /* Behind the structure. */
    mov [rsp + RECEIVED_SIZE], rbx
    mov rbx, rsp
    store_control rbx, RECEIVED_CONTROL
    mov rdi, rsp
    call abi_received
    mov rax, [rsp + RECEIVED_INTEGER_RESULT]
    mov rbx, [rsp + RECEIVED_SIZE]
    lea rcx, [rip + garbage]
    .irp number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movaps xmm\number, [rcx]
    .endr
    movaps xmm0, [rsp + RECEIVED_VECTOR_RESULT]
    movabs rcx, GARBAGE
    .irp name, rdx, rsi, rdi, r8, r9, r10, r11
    mov \name, rcx
    .endr
    leave
    ret
    .size abi_receive, . - abi_receive

/* abi_control(uint64_t *rdi) */
    .globl abi_control
    .type abi_control, @function
abi_control:
    store_control rdi, 0
    ret
    .size abi_control, . - abi_control

    .section .rodata
    .balign 16
garbage:
    .quad GARBAGE, GARBAGE

    .section .note.GNU-stack, "", @progbits
