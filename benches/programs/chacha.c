// ChaCha20: a stream of pseudorandom bytes, added to a buffer.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SIZE (1 << 16)

static uint8_t buffer[SIZE];

static uint32_t turn(uint32_t x, int by) {
    return x << by | x >> (32 - by);
}

static void quarter(uint32_t *x, int a, int b, int c, int d) {
    x[d] = turn(x[d] ^ (x[a] += x[b]), 16);
    x[b] = turn(x[b] ^ (x[c] += x[d]), 12);
    x[d] = turn(x[d] ^ (x[a] += x[b]), 8);
    x[b] = turn(x[b] ^ (x[c] += x[d]), 7);
}

static void block(const uint32_t *key, uint32_t *x) {
    for (int i = 0; i < 16; i++) x[i] = key[i];
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++) quarter(x, i, i + 4, i + 8, i + 12);
        for (int i = 0; i < 4; i++) quarter(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (int i = 0; i < 16; i++) x[i] += key[i];
}

int main(void) {
    uint32_t key[16];
    for (uint32_t i = 0; i < 16; i++) key[i] = i * 0x9e3779b9;
    for (int round = 0; round < 1600; round++)
        for (int at = 0; at < SIZE; at += 64) {
            uint32_t stream[16];
            block(key, stream);
            key[12]++;
            uint8_t bytes[64];
            memcpy(bytes, stream, 64);
            for (int i = 0; i < 64; i++) buffer[at + i] ^= bytes[i];
        }
    uint32_t sum = 0;
    for (int i = 0; i < SIZE; i++) sum = sum * 31 + buffer[i];
    printf("chacha %08x\n", sum);
    return 0;
}
