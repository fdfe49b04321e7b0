// Product of two square matrices of doubles, rows by rows.
#include <stdio.h>

#define N 448

static double a[N][N], b[N][N], c[N][N];

static void multiply(void) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) c[i][j] *= 0.5;
        for (int k = 0; k < N; k++)
            for (int j = 0; j < N; j++) c[i][j] += a[i][k] * b[k][j];
    }
}

int main(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (i * 7 + j * 3) % 16 / 8.0;
            b[i][j] = (i * 5 + j * 11) % 32 / 16.0 - 1;
        }
    for (int round = 0; round < 12; round++) multiply();
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) sum += c[i][j] * ((i ^ j) & 7);
    printf("gemm %.6f\n", sum);
    return 0;
}
