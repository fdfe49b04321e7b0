/* A library whose start function traps. */
#include "start.h"
#include <stdio.h>
#include <string.h>

static void add(void *data) {
  (void)data;
  printf("%d\n", (int)start_add(1, 2));
}

static void init(void *data) {
  (void)data;
  printf("%d\n", start_init());
}

int main(int argc, char **argv) {
  (void)argc;
  if (strcmp(argv[1], "init") == 0) {
    printf("init %d\n", start_init());
    printf("init %d\n", start_init());
  } else if (strcmp(argv[1], "try") == 0) {
    w2n_trap trap;
    w2n_try(init, 0, &trap);
    printf("try %d %s\n", trap.code, trap.message);
    w2n_try(add, 0, &trap);
    printf("try again %d %s\n", trap.code, strstr(trap.message, "initialization"));
  } else {
    add(0);
  }
  return 0;
}
