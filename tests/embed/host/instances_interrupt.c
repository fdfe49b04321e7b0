/* An interrupt ends the call of one instance, and none of another. */
#include "library.h"
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

int32_t host_note(void *data, int32_t value) {
  (void)data;
  return value;
}

static void spin(void *it) {
  for (;;) lib_spin(it, 1000000000);
}

static void *run(void *it) {
  w2n_trap trap;
  int code = w2n_try(spin, it, &trap);
  printf("%d %s\n", code == W2N_TRAP_INTERRUPTED, trap.message);
  return NULL;
}

static void spin_ten(void *it) { lib_spin(it, 10); }

int main(void) {
  lib_instance *one = lib_new(NULL), *two = lib_new(NULL);
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, one) != 0) return 1;
  usleep(50000);
  int refused = lib_interrupt(one);
  pthread_join(thread, NULL);
  w2n_trap trap;
  printf("%d %d %d\n", refused, w2n_try(spin_ten, one, &trap), w2n_try(spin_ten, two, &trap));
  /* What waits for the next call of an instance is nothing to the next instance. */
  lib_interrupt(two);
  lib_free(two);
  lib_instance *next = lib_new(NULL);
  printf("%d %d\n", next == two, w2n_try(spin_ten, next, &trap));
  return 0;
}
