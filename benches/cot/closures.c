#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define N 1000000
static int64_t numbers[N], others[N];

struct context { int64_t factor, round; };

__attribute__((noinline)) static void map_into(const int64_t *from, int64_t *to, int64_t n,
                                               int64_t (*f)(const struct context *, int64_t), const struct context *c) {
    for (int64_t i = 0; i < n; i++) to[i] = f(c, from[i]);
}

__attribute__((noinline)) static int64_t filter_into(const int64_t *from, int64_t *to, int64_t n,
                                                     bool (*f)(const struct context *, int64_t), const struct context *c) {
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++)
        if (f(c, from[i])) to[m++] = from[i];
    return m;
}

__attribute__((noinline)) static int64_t fold(const int64_t *from, int64_t n, int64_t start,
                                              int64_t (*f)(const struct context *, int64_t, int64_t),
                                              const struct context *c) {
    int64_t total = start;
    for (int64_t i = 0; i < n; i++) total = f(c, total, from[i]);
    return total;
}

static int64_t scale(const struct context *c, int64_t x) { return x * c->factor + 1; }
static bool is_wanted(const struct context *c, int64_t x) { return x % c->factor != c->round % 3; }
static int64_t mix(const struct context *c, int64_t sum, int64_t x) { return sum ^ (x + c->factor); }

int main(void) {
    for (int64_t i = 0; i < N; i++) numbers[i] = i;
    int64_t total = 0;
    for (int64_t round = 0; round < 20; round++) {
        struct context c = {round + 3, round};
        map_into(numbers, others, N, scale, &c);
        int64_t n = filter_into(others, others, N, is_wanted, &c);
        total += fold(others, n, 0, mix, &c);
    }
    printf("%" PRId64 "\n", total);
    return 0;
}
