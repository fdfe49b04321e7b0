// ChaCha20, four blocks at a time: a vector holds the same word of each.
#include <stdint.h>
#include <stdio.h>
#ifdef __wasm__
#include <wasm_simd128.h>
typedef v128_t words;
#define LOAD(at) wasm_v128_load(at)
#define STORE(at, x) wasm_v128_store(at, x)
#define SPLAT(x) wasm_i32x4_splat((int32_t)(x))
#define ADD(x, y) wasm_i32x4_add(x, y)
#define XOR(x, y) wasm_v128_xor(x, y)
#define TURN(x, by) wasm_v128_or(wasm_i32x4_shl(x, by), wasm_u32x4_shr(x, 32 - (by)))
#else
#include <emmintrin.h>
typedef __m128i words;
#define LOAD(at) _mm_loadu_si128((const __m128i *)(at))
#define STORE(at, x) _mm_storeu_si128((__m128i *)(at), x)
#define SPLAT(x) _mm_set1_epi32((int32_t)(x))
#define ADD(x, y) _mm_add_epi32(x, y)
#define XOR(x, y) _mm_xor_si128(x, y)
#define TURN(x, by) _mm_or_si128(_mm_slli_epi32(x, by), _mm_srli_epi32(x, 32 - (by)))
#endif

#define SIZE (1 << 14)

static uint32_t buffer[SIZE];

#define QUARTER(a, b, c, d) \
    a = ADD(a, b), d = XOR(d, a), d = TURN(d, 16), \
    c = ADD(c, d), b = XOR(b, c), b = TURN(b, 12), \
    a = ADD(a, b), d = XOR(d, a), d = TURN(d, 8), \
    c = ADD(c, d), b = XOR(b, c), b = TURN(b, 7)

static void four_blocks(const uint32_t *key, uint32_t *to) {
    static const uint32_t numbers[4] = {0, 1, 2, 3};
    words x[16], start[16];
    for (int i = 0; i < 16; i++) start[i] = SPLAT(key[i]);
    start[12] = ADD(start[12], LOAD(numbers));
    for (int i = 0; i < 16; i++) x[i] = start[i];
    for (int round = 0; round < 10; round++) {
        QUARTER(x[0], x[4], x[8], x[12]);
        QUARTER(x[1], x[5], x[9], x[13]);
        QUARTER(x[2], x[6], x[10], x[14]);
        QUARTER(x[3], x[7], x[11], x[15]);
        QUARTER(x[0], x[5], x[10], x[15]);
        QUARTER(x[1], x[6], x[11], x[12]);
        QUARTER(x[2], x[7], x[8], x[13]);
        QUARTER(x[3], x[4], x[9], x[14]);
    }
    // Words of the four blocks stay side by side: the order does not matter here.
    for (int i = 0; i < 16; i++, to += 4) STORE(to, XOR(LOAD(to), ADD(x[i], start[i])));
}

int main(void) {
    uint32_t key[16];
    for (uint32_t i = 0; i < 16; i++) key[i] = i * 0x9e3779b9;
    for (int round = 0; round < 6000; round++)
        for (int at = 0; at < SIZE; at += 64) {
            four_blocks(key, buffer + at);
            key[12] += 4;
        }
    uint32_t sum = 0;
    for (int i = 0; i < SIZE; i++) sum = sum * 31 + buffer[i];
    printf("simd_chacha %08x\n", sum);
    return 0;
}
