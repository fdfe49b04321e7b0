// Primes by Eratosthenes, a byte for each odd number.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HALF 1500000

static uint8_t composite[HALF];

int main(void) {
    uint64_t sum = 0;
    for (int round = 0; round < 80; round++) {
        memset(composite, 0, sizeof composite);
        for (uint32_t i = 1; 2 * i * (i + 1) < HALF; i++)
            if (!composite[i])
                for (uint32_t j = 2 * i * (i + 1); j < HALF; j += 2 * i + 1) composite[j] = 1;
        for (uint32_t i = 1; i < HALF; i++)
            if (!composite[i]) sum += (2 * i + 1) ^ round;
    }
    printf("sieve %llu\n", (unsigned long long)sum);
    return 0;
}
