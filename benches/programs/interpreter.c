// A machine with registers, its loop a switch: a program that counts Collatz steps.
#include <stdint.h>
#include <stdio.h>

enum op { LOAD, ADD, SUB, MUL, SHIFT, AND, JUMP, JUMP_ZERO, JUMP_LESS, PUT, GET, HALT };

struct code {
    uint8_t op, a, b, c;
    int32_t value;
};

static int64_t memory[256];

static int64_t run(const struct code *program, int64_t limit, uint64_t *steps) {
    int64_t r[16] = {[1] = limit};
    uint64_t count = 0;
    for (const struct code *at = program;; at++) {
        count++;
        switch ((enum op)at->op) {
        case LOAD: r[at->a] = at->value; break;
        case ADD: r[at->a] = r[at->b] + r[at->c]; break;
        case SUB: r[at->a] = r[at->b] - r[at->c]; break;
        case MUL: r[at->a] = r[at->b] * r[at->c]; break;
        case SHIFT: r[at->a] = r[at->b] >> at->value; break;
        case AND: r[at->a] = r[at->b] & at->value; break;
        case JUMP: at = program + at->value - 1; break;
        case JUMP_ZERO: if (r[at->a] == 0) at = program + at->value - 1; break;
        case JUMP_LESS: if (r[at->a] < r[at->b]) at = program + at->value - 1; break;
        case PUT: memory[r[at->a] & 255] += r[at->b]; break;
        case GET: r[at->a] = memory[r[at->b] & 255]; break;
        case HALT: *steps = count; return r[at->a];
        }
    }
}

int main(void) {
    // r1 limit, r2 number, r3 work, r4 one, r5 three, r6 total, r7 bit, r8 steps of a number.
    static const struct code program[] = {
        {LOAD, 4, 0, 0, 1},
        {LOAD, 5, 0, 0, 3},
        {LOAD, 2, 0, 0, 1},
        {ADD, 3, 2, 9, 0},         // 3: next number
        {LOAD, 8, 0, 0, 0},
        {SUB, 10, 3, 4, 0},        // 5: next step
        {JUMP_ZERO, 10, 0, 0, 15},
        {ADD, 8, 8, 4, 0},
        {AND, 7, 3, 0, 1},
        {JUMP_ZERO, 7, 0, 0, 13},
        {MUL, 3, 3, 5, 0},
        {ADD, 3, 3, 4, 0},
        {JUMP, 0, 0, 0, 5},
        {SHIFT, 3, 3, 0, 1},       // 13: halve
        {JUMP, 0, 0, 0, 5},
        {PUT, 8, 4, 0, 0},         // 15: done
        {GET, 11, 2, 0, 0},
        {ADD, 6, 6, 8, 0},
        {ADD, 6, 6, 11, 0},
        {ADD, 2, 2, 4, 0},
        {JUMP_LESS, 2, 1, 0, 3},
        {HALT, 6, 0, 0, 0},
    };
    uint64_t steps = 0;
    int64_t total = run(program, 180000, &steps);
    printf("interpreter %lld %llu\n", (long long)total, (unsigned long long)steps);
    return 0;
}
