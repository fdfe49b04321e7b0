#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t count_primes(uint8_t *flags, int64_t n) {
    memset(flags, 0, (size_t)n);
    int64_t count = 0;
    for (int64_t i = 2; i < n; i++) {
        if (flags[i]) continue;
        count++;
        for (int64_t k = i * i; k < n; k += i) flags[k] = 1;
    }
    return count;
}

int main(void) {
    const int64_t n = 10000000;
    uint8_t *flags = malloc((size_t)n);
    for (int round = 0; round < 5; round++) printf("%" PRId64 "\n", count_primes(flags, n));
    free(flags);
    return 0;
}
