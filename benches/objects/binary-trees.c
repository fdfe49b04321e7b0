// What fixtures/gc/binary-trees.wat does, with malloc and free in place of a collector.
#include <stdio.h>
#include <stdlib.h>

struct node {
  struct node *left, *right;
};

static struct node *make(unsigned depth) {
  struct node *node = malloc(sizeof *node);
  if (!node) abort();
  node->left = depth ? make(depth - 1) : NULL;
  node->right = depth ? make(depth - 1) : NULL;
  return node;
}

static unsigned count(const struct node *tree) {
  return tree ? 1 + count(tree->left) + count(tree->right) : 0;
}

static void release(struct node *tree) {
  if (!tree) return;
  release(tree->left);
  release(tree->right);
  free(tree);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  unsigned depth = atoi(argv[1]), sum = 0;
  struct node *kept = make(depth);
  for (unsigned times = atoi(argv[2]); times > 0; times--) {
    struct node *tree = make(depth);
    sum += count(tree);
    release(tree);
  }
  printf("%d\n", (int)(sum + count(kept)));
}
