// Compression by repetitions (chains of places with the same three bytes), and back.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SIZE (1 << 20)
#define BUCKETS (1 << 14)

static uint8_t text[SIZE], packed[SIZE * 2], unpacked[SIZE];
static int32_t newest[BUCKETS], older[SIZE];

static uint32_t bucket(const uint8_t *at) {
    uint32_t three = at[0] | at[1] << 8 | (uint32_t)at[2] << 16;
    return three * 2654435761u >> 18;
}

static int longest(int at, int *from) {
    int best = 0, tries = 24;
    for (int place = newest[bucket(text + at)]; place >= 0 && at - place < 65536 && tries--; place = older[place]) {
        int length = 0;
        while (length < 255 && at + length < SIZE && text[place + length] == text[at + length]) length++;
        if (length > best) {
            best = length;
            *from = place;
        }
    }
    return best;
}

// A repetition is 0xff, its length, and two bytes of distance; 0xff itself is 0xff 0.
static int pack(void) {
    uint8_t *out = packed;
    memset(newest, -1, sizeof newest);
    for (int at = 0; at < SIZE;) {
        int from = 0, length = at + 3 < SIZE ? longest(at, &from) : 0;
        if (length > 5) {
            int distance = at - from;
            *out++ = 0xff;
            *out++ = (uint8_t)length;
            *out++ = (uint8_t)distance;
            *out++ = (uint8_t)(distance >> 8);
        } else {
            length = 1;
            *out++ = text[at];
            if (text[at] == 0xff) *out++ = 0;
        }
        for (; length--; at++)
            if (at + 3 < SIZE) {
                uint32_t index = bucket(text + at);
                older[at] = newest[index];
                newest[index] = at;
            }
    }
    return (int)(out - packed);
}

static int unpack(int size) {
    uint8_t *out = unpacked;
    for (const uint8_t *in = packed; in < packed + size;) {
        uint8_t byte = *in++;
        if (byte != 0xff || *in == 0) {
            *out++ = byte;
            in += byte == 0xff;
            continue;
        }
        const uint8_t *from = out - (in[1] | in[2] << 8);
        for (int length = in[0]; length--;) *out++ = *from++;
        in += 3;
    }
    return (int)(out - unpacked);
}

int main(void) {
    static const char *const words[8] = {"the ", "quick ", "brown", "fox, ", "jumps ", "over", "lazy ", "dog\n"};
    uint32_t state = 3, sum = 0;
    for (int at = 0; at < SIZE;) {
        state = state * 1664525 + 1013904223;
        const char *word = words[state >> 29];
        if (state >> 20 & 1) text[at++] = (uint8_t)(state >> 11);
        while (*word && at < SIZE) text[at++] = (uint8_t)*word++;
    }
    for (int round = 0; round < 5; round++) {
        int size = pack();
        for (int again = 0; again < 8; again++) sum += (uint32_t)unpack(size);
        sum = sum * 31 + (uint32_t)size + (memcmp(text, unpacked, SIZE) == 0);
        text[round * 4096] ^= 1;
    }
    printf("compress %u\n", sum);
    return 0;
}
