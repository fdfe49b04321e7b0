// SHA-256 of blocks, one after the other. Constants are computed: roots of the first primes.
#include <math.h>
#include <stdint.h>
#include <stdio.h>

static uint32_t constants[64], state[8];

static uint32_t turn(uint32_t x, int by) {
    return x >> by | x << (32 - by);
}

static void absorb(const uint8_t *block) {
    uint32_t words[64];
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t x = words[i - 15], y = words[i - 2];
        x = turn(x, 7) ^ turn(x, 18) ^ x >> 3;
        y = turn(y, 17) ^ turn(y, 19) ^ y >> 10;
        words[i] = words[i - 16] + x + words[i - 7] + y;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + words[i];
        uint32_t two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + one;
        d = c;
        c = b;
        b = a;
        a = one + two;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static uint32_t fraction(double root) {
    return (uint32_t)((root - floor(root)) * 4294967296.0);
}

int main(void) {
    int count = 0;
    for (int n = 2; count < 64; n++) {
        int prime = 1;
        for (int d = 2; d * d <= n; d++) prime &= n % d != 0;
        if (!prime) continue;
        if (count < 8) state[count] = fraction(sqrt(n));
        constants[count++] = fraction(cbrt(n));
    }
    uint8_t block[64];
    for (int round = 0; round < 900000; round++) {
        for (int i = 0; i < 64; i++) block[i] = (uint8_t)(round * 13 + i + (int)(state[i & 7] >> 24));
        absorb(block);
    }
    printf("sha256 ");
    for (int i = 0; i < 8; i++) printf("%08x", state[i]);
    printf("\n");
    return 0;
}
