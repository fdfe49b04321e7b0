#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

// Open addressing with linear probing, at most three quarters full.
struct table { int64_t *keys, *values; uint8_t *used; size_t capacity, length; };

static size_t hash(int64_t key) {
    uint64_t h = (uint64_t)key * 0x9e3779b97f4a7c15u;
    return (size_t)(h ^ h >> 32);
}

static size_t find(const struct table *t, int64_t key) {
    size_t at = hash(key) & (t->capacity - 1);
    while (t->used[at] && t->keys[at] != key) at = (at + 1) & (t->capacity - 1);
    return at;
}

static void set(struct table *t, int64_t key, int64_t value);

static void grow(struct table *t) {
    struct table old = *t;
    t->capacity = old.capacity ? old.capacity * 2 : 16;
    t->length = 0;
    t->keys = malloc(t->capacity * 8);
    t->values = malloc(t->capacity * 8);
    t->used = calloc(t->capacity, 1);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.used[i]) set(t, old.keys[i], old.values[i]);
    free(old.keys);
    free(old.values);
    free(old.used);
}

static void set(struct table *t, int64_t key, int64_t value) {
    if ((t->length + 1) * 4 > t->capacity * 3) grow(t);
    size_t at = find(t, key);
    if (!t->used[at]) t->length++;
    t->used[at] = 1;
    t->keys[at] = key;
    t->values[at] = value;
}

int main(void) {
    struct table t = {0};
    int64_t key = 1;
    for (int64_t i = 0; i < 2000000; i++) {
        key = (key * 1103515245 + 12345) & 0x3fffff;
        set(&t, key, i);
    }
    int64_t found = 0, sum = 0;
    for (int64_t i = 0; i < 4000000; i++) {
        size_t at = find(&t, i);
        if (t.used[at]) {
            found++;
            sum += t.values[at];
        }
    }
    printf("%" PRId64 "\n%" PRId64 "\n", found, sum);
    return 0;
}
