/* Calls with all registers set and seen, on aarch64. See support.h. */
#include "support.h"
    .text

.macro address register, symbol
    adrp \register, \symbol
    add \register, \register, :lo12:\symbol
.endm

/* abi_call(const struct outgoing *x0, struct outcome *x1) */
    .globl abi_call
    .type abi_call, %function
abi_call:
    stp x29, x30, [sp, -192]!
    stp x19, x20, [sp, 16]
    stp x21, x22, [sp, 32]
    stp x23, x24, [sp, 48]
    stp x25, x26, [sp, 64]
    stp x27, x28, [sp, 80]
    stp d8, d9, [sp, 96]
    stp d10, d11, [sp, 112]
    stp d12, d13, [sp, 128]
    stp d14, d15, [sp, 144]
    str x1, [sp, 160]
    sub sp, sp, STACK_BYTES
    mov x16, x0
    add x1, x16, OUT_STACK
    mov x2, sp
    mov x3, STACK_BYTES / 16
1:  ldp x4, x5, [x1], 16
    stp x4, x5, [x2], 16
    subs x3, x3, 1
    b.ne 1b
    address x17, abi_saved_pattern
    ldp x19, x20, [x17]
    ldp x21, x22, [x17, 16]
    ldp x23, x24, [x17, 32]
    ldp x25, x26, [x17, 48]
    ldp x27, x28, [x17, 64]
    ldr x29, [x17, 80]
    ldp d8, d9, [x17, 88]
    ldp d10, d11, [x17, 104]
    ldp d12, d13, [x17, 120]
    ldp d14, d15, [x17, 136]
    add x17, x16, OUT_VECTOR
    ldp q0, q1, [x17]
    ldp q2, q3, [x17, 32]
    ldp q4, q5, [x17, 64]
    ldp q6, q7, [x17, 96]
    ldp x0, x1, [x16, OUT_INTEGER]
    ldp x2, x3, [x16, OUT_INTEGER + 16]
    ldp x4, x5, [x16, OUT_INTEGER + 32]
    ldp x6, x7, [x16, OUT_INTEGER + 48]
    /* The register for the address of a structure of results: nobody may rely on it here. */
    mov x8, -1
    ldr x16, [x16, OUT_FUNCTION]
    blr x16
    ldr x16, [sp, STACK_BYTES + 160]
    str x0, [x16, OUTCOME_INTEGER]
    str q0, [x16, OUTCOME_VECTOR]
    add x17, x16, OUTCOME_SAVED
    stp x19, x20, [x17]
    stp x21, x22, [x17, 16]
    stp x23, x24, [x17, 32]
    stp x25, x26, [x17, 48]
    stp x27, x28, [x17, 64]
    str x29, [x17, 80]
    stp d8, d9, [x17, 88]
    stp d10, d11, [x17, 104]
    stp d12, d13, [x17, 120]
    stp d14, d15, [x17, 136]
    mrs x0, fpcr
    str x0, [x16, OUTCOME_CONTROL]
    add x1, x16, OUTCOME_STACK
    mov x2, sp
    mov x3, STACK_BYTES / 16
2:  ldp x4, x5, [x2], 16
    stp x4, x5, [x1], 16
    subs x3, x3, 1
    b.ne 2b
    add sp, sp, STACK_BYTES
    ldp x19, x20, [sp, 16]
    ldp x21, x22, [sp, 32]
    ldp x23, x24, [sp, 48]
    ldp x25, x26, [sp, 64]
    ldp x27, x28, [sp, 80]
    ldp d8, d9, [sp, 96]
    ldp d10, d11, [sp, 112]
    ldp d12, d13, [sp, 128]
    ldp d14, d15, [sp, 144]
    ldp x29, x30, [sp], 192
    ret
    .size abi_call, . - abi_call

/* Whatever it is called with: the number is in x16. */
    .globl abi_receive
    .type abi_receive, %function
abi_receive:
    mov x17, sp
    stp x29, x30, [sp, -16]!
    mov x29, sp
    sub sp, sp, RECEIVED_SIZE
    str x16, [sp, RECEIVED_NUMBER]
    stp x0, x1, [sp, RECEIVED_INTEGER]
    stp x2, x3, [sp, RECEIVED_INTEGER + 16]
    stp x4, x5, [sp, RECEIVED_INTEGER + 32]
    stp x6, x7, [sp, RECEIVED_INTEGER + 48]
    add x9, sp, RECEIVED_VECTOR
    stp q0, q1, [x9]
    stp q2, q3, [x9, 32]
    stp q4, q5, [x9, 64]
    stp q6, q7, [x9, 96]
    str x17, [sp, RECEIVED_ENTRY]
    str x17, [sp, RECEIVED_STACK]
    mrs x9, fpcr
    str x9, [sp, RECEIVED_CONTROL]
    mov x0, sp
    bl abi_received
    ldr x0, [sp, RECEIVED_INTEGER_RESULT]
    ldr q0, [sp, RECEIVED_VECTOR_RESULT]
    .irp number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
    mov x\number, -2
    .endr
    .irp number, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    movi v\number\().16b, 0xa5
    .endr
    mov sp, x29
    ldp x29, x30, [sp], 16
    ret
    .size abi_receive, . - abi_receive

/* abi_control(uint64_t *x0) */
    .globl abi_control
    .type abi_control, %function
abi_control:
    mrs x9, fpcr
    str x9, [x0]
    ret
    .size abi_control, . - abi_control

    .section .note.GNU-stack, "", %progbits
