// Heat spreads on a plate: every point becomes the mean of itself and its neighbors, in two arrays
// by turns.
#include <stdio.h>

#define N 512
#define STEPS 900

static double now[N][N], next[N][N];

static void step(double (*restrict from)[N], double (*restrict to)[N]) {
    for (int i = 1; i < N - 1; i++)
        for (int j = 1; j < N - 1; j++)
            to[i][j] = 0.2 * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i - 1][j] + from[i + 1][j]);
}

int main(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) now[i][j] = next[i][j] = (i * j % 97) / 97.0 + (i == 0 ? 100 : 0);
    for (int t = 0; t < STEPS; t++) {
        step(now, next);
        step(next, now);
    }
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) sum += now[i][j];
    printf("stencil %.9f\n", sum);
    return 0;
}
