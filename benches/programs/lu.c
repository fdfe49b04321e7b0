// Decomposition of a matrix into triangles, with pivots, and the solution of one system.
#include <math.h>
#include <stdio.h>

#define N 480

static double m[N][N], x[N];
static int row_of[N];

static void decompose(void) {
    for (int i = 0; i < N; i++) row_of[i] = i;
    for (int k = 0; k < N; k++) {
        int best = k;
        for (int i = k + 1; i < N; i++)
            if (fabs(m[row_of[i]][k]) > fabs(m[row_of[best]][k])) best = i;
        int swap = row_of[k];
        row_of[k] = row_of[best];
        row_of[best] = swap;
        const double *top = m[row_of[k]];
        for (int i = k + 1; i < N; i++) {
            double *row = m[row_of[i]];
            double factor = row[k] / top[k];
            row[k] = factor;
            for (int j = k + 1; j < N; j++) row[j] -= factor * top[j];
        }
    }
}

static void solve(void) {
    for (int i = 0; i < N; i++) {
        x[i] = i % 9 - 4;
        for (int j = 0; j < i; j++) x[i] -= m[row_of[i]][j] * x[j];
    }
    for (int i = N - 1; i >= 0; i--) {
        for (int j = i + 1; j < N; j++) x[i] -= m[row_of[i]][j] * x[j];
        x[i] /= m[row_of[i]][i];
    }
}

int main(void) {
    double sum = 0;
    for (int round = 0; round < 28; round++) {
        unsigned state = 99 + round;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                state = state * 1103515245 + 12345;
                m[i][j] = (state >> 16 & 1023) / 512.0 - 1 + (i == j ? 4 : 0);
            }
        decompose();
        solve();
        for (int i = 0; i < N; i++) sum += x[i] * (i + 1);
    }
    printf("lu %.6f\n", sum);
    return 0;
}
