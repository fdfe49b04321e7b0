/* Compresses standard input by a zlib that was compiled to Wasm, checks that it comes back, and writes what was compressed. */
#include "zlib.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where an address of the library lies in this process. The memory never moves. */
static unsigned char *at(int32_t address) { return (unsigned char *)zlib_memory() + (uint32_t)address; }

int main(void) {
  static unsigned char input[1 << 20];
  size_t length = fread(input, 1, sizeof input, stdin);
  if (zlib_init() != 0)
    return 1;
  int32_t plain = zlib_malloc((int32_t)length), bound = zlib_compressBound((int32_t)length);
  int32_t packed = zlib_malloc(bound), size = zlib_malloc(4), back = zlib_malloc((int32_t)length);
  if (!plain || !packed || !size || !back)
    return 2;
  memcpy(at(plain), input, length);
  memcpy(at(size), &bound, 4);
  if (zlib_compress2(packed, size, plain, (int32_t)length, 9) != 0)
    return 3;
  int32_t compressed, restored = (int32_t)length;
  memcpy(&compressed, at(size), 4);
  memcpy(at(size), &restored, 4);
  if (zlib_uncompress(back, size, packed, compressed) != 0 || memcmp(at(back), input, length) != 0)
    return 4;
  /* Damaged data is an error of zlib's, not a trap. */
  at(packed)[compressed / 2] ^= 0xff;
  if (zlib_uncompress(back, size, packed, compressed) == 0)
    return 5;
  at(packed)[compressed / 2] ^= 0xff;
  fprintf(stdout, "%08x %d\n", (unsigned)zlib_crc32(0, plain, (int32_t)length), (int)compressed);
  fwrite(at(packed), 1, (size_t)compressed, stdout);
  zlib_free(plain);
  zlib_free(packed);
  return 0;
}
