/* Two libraries: each has its memory, and a try of one survives the trap of the other. */
#include "one.h"
#include "ten.h"
#include <stdio.h>

static void fail_one(void *data) {
  (void)data;
  one_fail();
}

static void fail_ten(void *data) {
  (void)data;
  ten_fail();
}

int main(void) {
  w2n_trap trap;
  int first = one_next(), tenth = ten_next();
  printf("%d %d ", first, tenth);
  first = one_next();
  printf("%d %d\n", first, (int)ten_next());
  w2n_try(fail_one, 0, &trap);
  printf("%d: %s\n", trap.code, trap.message);
  w2n_try(fail_ten, 0, &trap);
  printf("%d: %s\n", trap.code, trap.message);
  first = one_next();
  printf("%d %d\n", first, (int)ten_next());
  printf("%c %c\n", *(char *)one_memory(), *(char *)ten_memory());
  return 0;
}
