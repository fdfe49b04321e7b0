#include <stdint.h>
#include <stdio.h>

enum { N = 300 };
static double a[N * N], b[N * N], c[N * N];

__attribute__((noinline)) static void multiply(const double *x, const double *y, double *z, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++) sum += x[i * n + k] * y[k * n + j];
            z[i * n + j] = sum;
        }
}

int main(void) {
    for (int64_t i = 0; i < N * N; i++) {
        a[i] = (double)(i % 7);
        b[i] = (double)(i % 11);
    }
    for (int round = 0; round < 10; round++) multiply(a, b, c, N);
    double trace = 0;
    for (int64_t i = 0; i < N; i++) trace += c[i * N + i];
    printf("%.0f\n", trace);
    return 0;
}
