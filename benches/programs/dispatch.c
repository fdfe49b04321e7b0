// Calls through pointers: shapes with a table of methods each, and a machine of states that are
// functions.
#include <stdint.h>
#include <stdio.h>

#define SHAPES 1000

struct shape;

struct methods {
    int32_t (*area)(const struct shape *);
    void (*grow)(struct shape *, int32_t);
};

struct shape {
    const struct methods *methods;
    int32_t a, b;
};

static int32_t area_square(const struct shape *s) { return s->a * s->a; }
static int32_t area_box(const struct shape *s) { return s->a * s->b; }
static int32_t area_triangle(const struct shape *s) { return s->a * s->b / 2; }
static void grow_square(struct shape *s, int32_t by) { s->a = (s->a + by) & 1023; }
static void grow_box(struct shape *s, int32_t by) { s->b = (s->b + by) & 1023; }
static void grow_triangle(struct shape *s, int32_t by) { s->a = (s->a ^ by) & 1023; }

static const struct methods kinds[3] = {
    {area_square, grow_square}, {area_box, grow_box}, {area_triangle, grow_triangle}};
static struct shape shapes[SHAPES];

typedef uint32_t (*state)(uint32_t *value);

static uint32_t odd(uint32_t *value) { *value = *value * 3 + 1; return *value >> 7 & 3; }
static uint32_t even(uint32_t *value) { *value = *value >> 1 | *value << 31; return *value & 3; }
static uint32_t mixed(uint32_t *value) { *value ^= *value << 5; return *value >> 3 & 3; }
static uint32_t plain(uint32_t *value) { *value += 0x9e3779b9; return *value >> 30; }

static const state states[4] = {odd, even, mixed, plain};

int main(void) {
    uint32_t sum = 0, value = 1, at = 0;
    for (int i = 0; i < SHAPES; i++)
        shapes[i] = (struct shape){&kinds[(i * 7 + i / 5) % 3], i % 50 + 1, i % 31 + 1};
    for (int round = 0; round < 75000; round++) {
        for (int i = 0; i < SHAPES; i++) {
            struct shape *shape = &shapes[i];
            sum += (uint32_t)shape->methods->area(shape);
            shape->methods->grow(shape, (int32_t)(sum & 15));
        }
        for (int step = 0; step < 300; step++) at = states[at](&value);
    }
    printf("dispatch %u %u\n", sum, value);
    return 0;
}
