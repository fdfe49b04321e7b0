/* What a library with WASI sees of the process, and what its proc_exit does. */
#include "closed.h"
#include "guest.h"
#include <stdio.h>

static void leave(void *data) {
  (void)data;
  guest_leave(5);
}

int main(void) {
  w2n_trap trap;
  int status = guest_init();
  if (status != 0) {
    printf("init %d\n", status);
    return 1;
  }
  printf("%d %s\n", (int)guest_variables(), (char *)guest_memory() + 1024);
  printf("%d\n", (int)closed_variables());
  printf("%d argument\n", (int)guest_arguments());
  w2n_try(leave, 0, &trap);
  printf("exit %d %d\n", trap.code, trap.status);
  return 0;
}
