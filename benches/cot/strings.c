#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder { char *bytes; size_t length, capacity; };

static void append(struct builder *b, const char *text, size_t n) {
    if (b->length + n > b->capacity) {
        b->capacity = b->capacity * 2 > b->length + n ? b->capacity * 2 : b->length + n + 16;
        b->bytes = realloc(b->bytes, b->capacity);
    }
    memcpy(b->bytes + b->length, text, n);
    b->length += n;
}

int main(void) {
    struct builder b = {0};
    for (int64_t i = 0; i < 5000000; i++) {
        append(&b, "ab", 2);
        append(&b, "c", 1);
        if (i % 100 == 0) {
            char digits[24];
            append(&b, digits, (size_t)sprintf(digits, "%" PRId64, i));
        }
    }
    printf("%zu\n", b.length);
    int64_t total = 0;
    for (int64_t i = 0; i < 2000000; i++) {
        char *text;
        total += asprintf(&text, "number %" PRId64 " of %" PRId64, i, total % 10);
        free(text);
    }
    printf("%" PRId64 "\n", total);
    free(b.bytes);
    return 0;
}
