// Product of two square matrices of floats, four columns in a vector, four vectors at a time.
#include <stdio.h>
#ifdef __wasm__
#include <wasm_simd128.h>
typedef v128_t vector;
#define LOAD(at) wasm_v128_load(at)
#define STORE(at, x) wasm_v128_store(at, x)
#define SPLAT(x) wasm_f32x4_splat(x)
#define ADD(x, y) wasm_f32x4_add(x, y)
#define MUL(x, y) wasm_f32x4_mul(x, y)
#else
#include <xmmintrin.h>
typedef __m128 vector;
#define LOAD(at) _mm_loadu_ps(at)
#define STORE(at, x) _mm_storeu_ps(at, x)
#define SPLAT(x) _mm_set1_ps(x)
#define ADD(x, y) _mm_add_ps(x, y)
#define MUL(x, y) _mm_mul_ps(x, y)
#endif

#define N 512

static float a[N][N], b[N][N], c[N][N];

static void multiply(void) {
    for (int j = 0; j < N; j += 16)
        for (int i = 0; i < N; i++) {
            vector x0 = SPLAT(0), x1 = x0, x2 = x0, x3 = x0;
            for (int k = 0; k < N; k++) {
                vector factor = SPLAT(a[i][k]);
                x0 = ADD(x0, MUL(factor, LOAD(&b[k][j])));
                x1 = ADD(x1, MUL(factor, LOAD(&b[k][j + 4])));
                x2 = ADD(x2, MUL(factor, LOAD(&b[k][j + 8])));
                x3 = ADD(x3, MUL(factor, LOAD(&b[k][j + 12])));
            }
            STORE(&c[i][j], x0);
            STORE(&c[i][j + 4], x1);
            STORE(&c[i][j + 8], x2);
            STORE(&c[i][j + 12], x3);
        }
}

int main(void) {
    double sum = 0;
    for (int round = 0; round < 16; round++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                a[i][j] = (float)((i * 7 + j * 3 + round) % 16) / 8;
                b[i][j] = (float)((i * 5 + j * 11) % 32) / 16 - 1;
            }
        multiply();
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) sum += c[i][j] * (float)((i ^ j) & 7);
    }
    printf("simd_matrix %.6f\n", sum);
    return 0;
}
