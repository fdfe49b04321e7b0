/* Ends a call of the innermost of many loops. */
#include "deep.h"
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void on(void *data) { (void)data, deep_on(); }

static void *interrupt(void *data) {
  usleep(20000);
  deep_interrupt();
  return data;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, interrupt, 0);
  printf("%d\n", w2n_try(on, 0, 0) == W2N_TRAP_INTERRUPTED);
  pthread_join(thread, 0);
  return 0;
}
