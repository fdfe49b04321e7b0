// What the modules of MoonBit and of p2w import to print.
#include <stdint.h>
#include <stdio.h>

void spectest_print_char(int32_t unit) { putchar(unit); }
void write_char(int32_t byte) { putchar(byte); }
void write_i32(int32_t value) { printf("%d", value); }
void write_i64(int64_t value) { printf("%lld", (long long)value); }
