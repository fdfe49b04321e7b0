// Filters on a gray picture, sixteen points at a time: a soft one, a brighter one, and edges.
#include <stdint.h>
#include <stdio.h>
#ifdef __wasm__
#include <wasm_simd128.h>
typedef v128_t points;
#define LOAD(at) wasm_v128_load(at)
#define STORE(at, x) wasm_v128_store(at, x)
#define SPLAT(x) wasm_i8x16_splat(x)
#define MEAN(x, y) wasm_u8x16_avgr(x, y)
#define BRIGHTER(x, y) wasm_u8x16_add_sat(x, y)
#define DARKER(x, y) wasm_u8x16_sub_sat(x, y)
#define MOST(x, y) wasm_u8x16_max(x, y)
#define LEAST(x, y) wasm_u8x16_min(x, y)
#else
#include <emmintrin.h>
typedef __m128i points;
#define LOAD(at) _mm_loadu_si128((const __m128i *)(at))
#define STORE(at, x) _mm_storeu_si128((__m128i *)(at), x)
#define SPLAT(x) _mm_set1_epi8(x)
#define MEAN(x, y) _mm_avg_epu8(x, y)
#define BRIGHTER(x, y) _mm_adds_epu8(x, y)
#define DARKER(x, y) _mm_subs_epu8(x, y)
#define MOST(x, y) _mm_max_epu8(x, y)
#define LEAST(x, y) _mm_min_epu8(x, y)
#endif

#define WIDTH 1024
#define HEIGHT 512

static uint8_t picture[HEIGHT][WIDTH], other[HEIGHT][WIDTH];

static void soften(uint8_t (*from)[WIDTH], uint8_t (*to)[WIDTH]) {
    for (int y = 1; y < HEIGHT - 1; y++)
        for (int x = 16; x < WIDTH - 16; x += 16) {
            points sides = MEAN(LOAD(&from[y][x - 1]), LOAD(&from[y][x + 1]));
            points ends = MEAN(LOAD(&from[y - 1][x]), LOAD(&from[y + 1][x]));
            STORE(&to[y][x], MEAN(LOAD(&from[y][x]), MEAN(sides, ends)));
        }
}

static void brighten(uint8_t (*image)[WIDTH], int by) {
    points more = SPLAT((char)by), floor = SPLAT(16);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x += 16) STORE(&image[y][x], DARKER(BRIGHTER(LOAD(&image[y][x]), more), floor));
}

static void find_edges(uint8_t (*from)[WIDTH], uint8_t (*to)[WIDTH]) {
    for (int y = 1; y < HEIGHT - 1; y++)
        for (int x = 16; x < WIDTH - 16; x += 16) {
            points a = LOAD(&from[y - 1][x - 1]), b = LOAD(&from[y - 1][x + 1]);
            points c = LOAD(&from[y + 1][x - 1]), d = LOAD(&from[y + 1][x + 1]);
            points most = MOST(MOST(a, b), MOST(c, d)), least = LEAST(LEAST(a, b), LEAST(c, d));
            STORE(&to[y][x], MOST(DARKER(most, least), LOAD(&from[y][x])));
        }
}

int main(void) {
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) picture[y][x] = (uint8_t)((x * y >> 4) + (x ^ y) * 3);
    for (int round = 0; round < 1800; round++) {
        soften(picture, other);
        brighten(other, round % 24);
        find_edges(other, picture);
    }
    uint32_t sum = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) sum = sum * 31 + picture[y][x];
    printf("simd_image %08x\n", sum);
    return 0;
}
