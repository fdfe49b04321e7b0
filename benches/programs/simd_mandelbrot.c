// Four points of the plane at a time, squared again and again until all of them are far from zero.
#include <stdint.h>
#include <stdio.h>
#ifdef __wasm__
#include <wasm_simd128.h>
typedef v128_t floats;
typedef v128_t ints;
#define MAKE(a, b, c, d) wasm_f32x4_make(a, b, c, d)
#define SPLAT(x) wasm_f32x4_splat(x)
#define ADD(x, y) wasm_f32x4_add(x, y)
#define SUB(x, y) wasm_f32x4_sub(x, y)
#define MUL(x, y) wasm_f32x4_mul(x, y)
#define NEAR(x, y) wasm_f32x4_le(x, y)
#define NONE(near) (!wasm_v128_any_true(near))
#define ZERO() wasm_i32x4_splat(0)
#define COUNT(count, near) wasm_i32x4_sub(count, near)
#define STORE(at, x) wasm_v128_store(at, x)
#else
#include <emmintrin.h>
typedef __m128 floats;
typedef __m128i ints;
#define MAKE(a, b, c, d) _mm_setr_ps(a, b, c, d)
#define SPLAT(x) _mm_set1_ps(x)
#define ADD(x, y) _mm_add_ps(x, y)
#define SUB(x, y) _mm_sub_ps(x, y)
#define MUL(x, y) _mm_mul_ps(x, y)
#define NEAR(x, y) _mm_cmple_ps(x, y)
#define NONE(near) (!_mm_movemask_ps(near))
#define ZERO() _mm_setzero_si128()
#define COUNT(count, near) _mm_sub_epi32(count, _mm_castps_si128(near))
#define STORE(at, x) _mm_storeu_si128((__m128i *)(at), x)
#endif

#define SIZE 800
#define LIMIT 150

static void stay(float x, float step, float y, int32_t *counts) {
    floats cr = MAKE(x, x + step, x + 2 * step, x + 3 * step), ci = SPLAT(y);
    floats r = SPLAT(0), i = r, four = SPLAT(4);
    ints count = ZERO();
    for (int n = 0; n < LIMIT; n++) {
        floats rr = MUL(r, r), ii = MUL(i, i), ri = MUL(r, i);
        floats near = NEAR(ADD(rr, ii), four);
        if (NONE(near)) break;
        count = COUNT(count, near);
        r = ADD(SUB(rr, ii), cr);
        i = ADD(ADD(ri, ri), ci);
    }
    STORE(counts, count);
}

int main(void) {
    uint64_t sum = 0;
    for (int frame = 0; frame < 9; frame++)
        for (int y = 0; y < SIZE; y++)
            for (int x = 0; x < SIZE; x += 4) {
                int32_t counts[4];
                float step = (2.5f + (float)frame * 0.125f) / SIZE;
                stay((float)x * step - 2, step, (float)y * (2.5f / SIZE) - 1.25f, counts);
                for (int lane = 0; lane < 4; lane++) sum = sum * 3 + (uint32_t)counts[lane];
            }
    printf("simd_mandelbrot %016llx\n", (unsigned long long)sum);
    return 0;
}
