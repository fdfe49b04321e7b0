// Full binary trees of many depths, made node by node with malloc, counted, and freed.
#include <stdio.h>
#include <stdlib.h>

struct node {
    struct node *left, *right;
};

static struct node *make(int depth) {
    struct node *node = malloc(sizeof *node);
    if (!node) abort();
    node->left = depth ? make(depth - 1) : NULL;
    node->right = depth ? make(depth - 1) : NULL;
    return node;
}

static int count(const struct node *node) {
    return node ? 1 + count(node->left) + count(node->right) : 0;
}

static void drop(struct node *node) {
    if (!node) return;
    drop(node->left);
    drop(node->right);
    free(node);
}

int main(void) {
    struct node *long_lived = make(16);
    unsigned sum = 0;
    for (int depth = 4; depth <= 16; depth += 2)
        for (int i = 0; i < 1 << (20 - depth); i++) {
            struct node *tree = make(depth);
            sum = sum * 5 + (unsigned)count(tree);
            drop(tree);
        }
    printf("trees %u %d\n", sum, count(long_lived));
    drop(long_lived);
    return 0;
}
