// CRC-32 of a buffer: a byte at a time, and four at a time with four tables.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SIZE (1 << 20)

static uint32_t tables[4][256];
static uint8_t bytes[SIZE];

static void fill_tables(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 4; t++) tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
}

static uint32_t by_bytes(uint32_t crc) {
    crc = ~crc;
    for (int i = 0; i < SIZE; i++) crc = crc >> 8 ^ tables[0][(crc ^ bytes[i]) & 255];
    return ~crc;
}

static uint32_t by_words(uint32_t crc) {
    crc = ~crc;
    for (int i = 0; i < SIZE; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, 4);
        crc ^= word;
        crc = tables[3][crc & 255] ^ tables[2][crc >> 8 & 255] ^ tables[1][crc >> 16 & 255] ^ tables[0][crc >> 24];
    }
    return ~crc;
}

int main(void) {
    uint32_t crc = 0;
    fill_tables();
    for (int i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * 7 + (i >> 9));
    for (int round = 0; round < 40; round++) {
        uint32_t first = by_bytes(crc), second = by_words(crc);
        if (first != second) return 1;
        for (int more = 0; more < 4; more++) crc = by_words(first + crc);
    }
    printf("crc32 %08x\n", crc);
    return 0;
}
