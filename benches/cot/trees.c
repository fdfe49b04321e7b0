#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct node {
    struct node *left, *right;
};

static struct node *build(int depth) {
    struct node *node = malloc(sizeof *node);
    node->left = depth ? build(depth - 1) : NULL;
    node->right = depth ? build(depth - 1) : NULL;
    return node;
}

static int64_t count(const struct node *node) {
    return 1 + (node->left ? count(node->left) : 0) + (node->right ? count(node->right) : 0);
}

static void release(struct node *node) {
    if (node->left) release(node->left);
    if (node->right) release(node->right);
    free(node);
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
