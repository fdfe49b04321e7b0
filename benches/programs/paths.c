// Lengths of the shortest paths between all pairs of nodes of a dense graph.
#include <stdint.h>
#include <stdio.h>

#define N 640

static int32_t length[N][N];

static void shorten(void) {
    for (int via = 0; via < N; via++)
        for (int from = 0; from < N; from++)
            for (int to = 0; to < N; to++) {
                int32_t other = length[from][via] + length[via][to];
                if (other < length[from][to]) length[from][to] = other;
            }
}

int main(void) {
    uint64_t sum = 0;
    uint32_t state = 7;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                state = state * 1664525 + 1013904223;
                length[i][j] = i == j ? 0 : (int32_t)(state >> 12 | 1);
            }
        shorten();
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) sum = sum * 31 + (uint32_t)length[i][j];
    }
    printf("paths %016llx\n", (unsigned long long)sum);
    return 0;
}
