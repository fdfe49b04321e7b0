// Bytes as text of 64 letters, and back.
#include <stdint.h>
#include <stdio.h>

#define SIZE (3 << 18)

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t bytes[SIZE], back[SIZE], values[256];
static char text[SIZE / 3 * 4 + 1];

static int encode(const uint8_t *in, int size, char *out) {
    char *start = out;
    for (int i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)in[i] << 16 | in[i + 1] << 8 | in[i + 2];
        *out++ = letters[three >> 18];
        *out++ = letters[three >> 12 & 63];
        *out++ = letters[three >> 6 & 63];
        *out++ = letters[three & 63];
    }
    *out = 0;
    return (int)(out - start);
}

static int decode(const char *in, uint8_t *out) {
    uint8_t *start = out;
    uint32_t bits = 0;
    int count = 0;
    for (; *in; in++) {
        bits = bits << 6 | values[(uint8_t)*in];
        if (++count == 4) {
            *out++ = (uint8_t)(bits >> 16);
            *out++ = (uint8_t)(bits >> 8);
            *out++ = (uint8_t)bits;
            count = 0;
        }
    }
    return (int)(out - start);
}

int main(void) {
    for (int i = 0; i < 64; i++) values[(uint8_t)letters[i]] = (uint8_t)i;
    for (int i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * i >> 5);
    uint32_t sum = 0;
    for (int round = 0; round < 220; round++) {
        int length = encode(bytes, SIZE, text);
        int size = decode(text, back);
        for (int i = 0; i < SIZE; i += 97) sum = sum * 31 + back[i] + (uint8_t)text[i];
        sum += (uint32_t)(length + size);
        bytes[round * 100] ^= (uint8_t)round;
    }
    printf("base64 %08x\n", sum);
    return 0;
}
