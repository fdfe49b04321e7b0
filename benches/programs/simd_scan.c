// A text, sixteen bytes at a time: lines are counted, capital letters made small, and the first
// byte beyond ASCII is looked for.
#include <stdint.h>
#include <stdio.h>
#ifdef __wasm__
#include <wasm_simd128.h>
typedef v128_t chars;
#define LOAD(at) wasm_v128_load(at)
#define STORE(at, x) wasm_v128_store(at, x)
#define SPLAT(x) wasm_i8x16_splat(x)
#define EQUAL(x, y) wasm_i8x16_eq(x, y)
#define GREATER(x, y) wasm_i8x16_gt(x, y)
#define AND(x, y) wasm_v128_and(x, y)
#define OR(x, y) wasm_v128_or(x, y)
#define SUB(x, y) wasm_i8x16_sub(x, y)
#define BITS(x) wasm_i8x16_bitmask(x)
#else
#include <emmintrin.h>
typedef __m128i chars;
#define LOAD(at) _mm_loadu_si128((const __m128i *)(at))
#define STORE(at, x) _mm_storeu_si128((__m128i *)(at), x)
#define SPLAT(x) _mm_set1_epi8(x)
#define EQUAL(x, y) _mm_cmpeq_epi8(x, y)
#define GREATER(x, y) _mm_cmpgt_epi8(x, y)
#define AND(x, y) _mm_and_si128(x, y)
#define OR(x, y) _mm_or_si128(x, y)
#define SUB(x, y) _mm_sub_epi8(x, y)
#define BITS(x) _mm_movemask_epi8(x)
#endif

#define SIZE (1 << 18)

static char text[SIZE], small[SIZE];

static int lines(void) {
    int count = 0;
    chars end = SPLAT('\n');
    // A lane counts to 128 at most.
    for (int i = 0; i < SIZE; i += 16 * 128) {
        chars counts = SPLAT(0);
        for (int k = 0; k < 16 * 128; k += 16) counts = SUB(counts, EQUAL(LOAD(text + i + k), end));
        uint8_t lanes[16];
        STORE(lanes, counts);
        for (int lane = 0; lane < 16; lane++) count += lanes[lane];
    }
    return count;
}

static void make_small(void) {
    chars before = SPLAT('A' - 1), behind = SPLAT('Z' + 1), bit = SPLAT(0x20);
    for (int i = 0; i < SIZE; i += 16) {
        chars x = LOAD(text + i);
        chars capital = AND(GREATER(x, before), GREATER(behind, x));
        STORE(small + i, OR(x, AND(capital, bit)));
    }
}

static int first_strange(int from) {
    for (int i = from & -16; i < SIZE; i += 16) {
        int bits = BITS(LOAD(small + i));
        if (bits) return i + __builtin_ctz((unsigned)bits);
    }
    return SIZE;
}

int main(void) {
    uint32_t state = 11, sum = 0;
    for (int i = 0; i < SIZE; i++) {
        state = state * 1664525 + 1013904223;
        text[i] = (state >> 24) < 8 ? '\n' : (char)(' ' + (state >> 16) % 90);
    }
    for (int round = 0; round < 8000; round++) {
        make_small();
        sum = sum * 31 + (uint32_t)(lines() + first_strange(round * 16 % SIZE)) + (uint8_t)small[round];
        text[round * 37 % SIZE] = (char)(round & 64 ? 'A' + round % 26 : round % 128);
        if (round % 100 == 99) text[round * 91 % SIZE] = (char)0xe4;
    }
    printf("simd_scan %u\n", sum);
    return 0;
}
