// Big integers of 32-bit digits: digits of e as a fraction, a factorial, and its decimal form.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 2200

struct big {
    int count;
    uint32_t digits[DIGITS];
};

static struct big factorial, fraction, term;
static struct big product;

static void multiply_small(struct big *x, uint32_t by) {
    uint64_t carry = 0;
    for (int i = 0; i < x->count; i++) {
        carry += (uint64_t)x->digits[i] * by;
        x->digits[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) x->digits[x->count++] = (uint32_t)carry;
}

static uint32_t divide_small(struct big *x, uint32_t by) {
    uint64_t rest = 0;
    for (int i = x->count - 1; i >= 0; i--) {
        rest = rest << 32 | x->digits[i];
        x->digits[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    while (x->count && !x->digits[x->count - 1]) x->count--;
    return (uint32_t)rest;
}

static void add(struct big *x, const struct big *y) {
    uint64_t carry = 0;
    for (int i = 0; i < x->count; i++) {
        carry += (uint64_t)x->digits[i] + (i < y->count ? y->digits[i] : 0);
        x->digits[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void multiply(struct big *to, const struct big *x, const struct big *y) {
    memset(to, 0, sizeof *to);
    for (int i = 0; i < x->count; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < y->count && i + j < DIGITS; j++) {
            carry += (uint64_t)x->digits[i] * y->digits[j] + to->digits[i + j];
            to->digits[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        if (i + y->count < DIGITS) to->digits[i + y->count] = (uint32_t)carry;
    }
    to->count = DIGITS;
    while (to->count && !to->digits[to->count - 1]) to->count--;
}

int main(void) {
    uint32_t sum = 0;
    for (int round = 0; round < 30; round++) {
        factorial.count = 1;
        factorial.digits[0] = 1;
        for (uint32_t i = 2; i < 3000; i++) multiply_small(&factorial, i);
        for (int i = 0; i < 4; i++) {
            multiply(&product, &factorial, &factorial);
            sum = sum * 31 + product.digits[product.count / 2] + (uint32_t)i;
            divide_small(&factorial, 1000003);
        }
        for (int i = 0; i < 2000 && factorial.count; i++) sum = sum * 31 + divide_small(&factorial, 1000000000);
        memset(&fraction, 0, sizeof fraction);
        memset(&term, 0, sizeof term);
        fraction.count = term.count = 500;
        term.digits[499] = 1u << 28;
        for (uint32_t i = 1; term.count; i++) {
            add(&fraction, &term);
            divide_small(&term, i);
        }
        sum ^= fraction.digits[2];
    }
    printf("bigint %08x\n", sum);
    return 0;
}
