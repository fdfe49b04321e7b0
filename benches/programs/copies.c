// The C library's functions on memory and strings, on pieces of all sizes.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SIZE (1 << 20)

static char from[SIZE + 256], to[SIZE + 256];

int main(void) {
    uint32_t state = 17, sum = 0;
    for (int i = 0; i < SIZE; i++) from[i] = (char)('a' + i * 7 % 26);
    for (int i = 0; i < SIZE; i += 61) from[i] = 0;
    for (int round = 0; round < 12000000; round++) {
        state = state * 1664525 + 1013904223;
        uint32_t at = state >> 12 & (SIZE / 2 - 1), length = state >> 5 & 127, other = (at * 5 + length) % (SIZE / 2);
        switch (state >> 29) {
        case 0: case 1: memcpy(to + other, from + at, length); break;
        case 2: memmove(to + at, to + at + 3, length); break;
        case 3: memset(to + other, (int)length, length); break;
        case 4: sum += (uint32_t)strlen(from + at); break;
        case 5: sum += (uint32_t)(memcmp(from + at, to + other, length) > 0); break;
        case 6: {
            const char *found = memchr(from + at, 'q', length);
            sum += found ? (uint32_t)(found - from) : 1;
            break;
        }
        default: sum += (uint32_t)(strcmp(from + at, from + other) < 0);
        }
    }
    for (int round = 0; round < 3000; round++) {
        memcpy(to, from + (round & 31), SIZE / 2);
        memmove(to + 100, to, SIZE / 4);
    }
    for (int i = 0; i < SIZE; i++) sum = sum * 31 + (uint8_t)to[i];
    printf("copies %08x\n", sum);
    return 0;
}
