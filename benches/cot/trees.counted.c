// As trees.c, with counts in the way of Swift: atomic, one reference more for each that is looked at.
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct node {
    atomic_long count;
    struct node *left, *right;
};

static struct node *retain(struct node *node) {
    if (node) atomic_fetch_add_explicit(&node->count, 1, memory_order_relaxed);
    return node;
}

static void release(struct node *node) {
    if (!node || atomic_fetch_sub_explicit(&node->count, 1, memory_order_acq_rel) != 1) return;
    release(node->left);
    release(node->right);
    free(node);
}

static struct node *build(int depth) {
    struct node *node = malloc(sizeof *node);
    atomic_init(&node->count, 1);
    node->left = depth ? build(depth - 1) : NULL;
    node->right = depth ? build(depth - 1) : NULL;
    return node;
}

static int64_t count(const struct node *node) {
    int64_t total = 1;
    struct node *left = retain(node->left);
    if (left) total += count(left);
    release(left);
    struct node *right = retain(node->right);
    if (right) total += count(right);
    release(right);
    return total;
}

int main(void) {
    int64_t total = 0;
    for (int round = 0; round < 40; round++) {
        struct node *tree = build(16);
        total += count(tree);
        release(tree);
    }
    printf("%" PRId64 "\n", total);
    return 0;
}
