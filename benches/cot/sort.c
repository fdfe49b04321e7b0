#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void quicksort(int64_t *xs, int64_t low, int64_t high) {
    while (low < high) {
        int64_t pivot = xs[(low + high) / 2], i = low, k = high;
        while (i <= k) {
            while (xs[i] < pivot) i++;
            while (xs[k] > pivot) k--;
            if (i <= k) {
                int64_t x = xs[i];
                xs[i++] = xs[k];
                xs[k--] = x;
            }
        }
        if (k - low < high - i) {
            quicksort(xs, low, k);
            low = i;
        } else {
            quicksort(xs, i, high);
            high = k;
        }
    }
}

int main(void) {
    const int64_t n = 2000000;
    int64_t *xs = malloc((size_t)n * sizeof *xs);
    uint64_t seed = 12345;
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        xs[i] = (int64_t)(seed >> 33);
    }
    quicksort(xs, 0, n - 1);
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum = sum * 31 + (uint64_t)xs[i];
    printf("%" PRId64 "\n", (int64_t)sum);
    free(xs);
    return 0;
}
