/* A library on several threads in turn, and two libraries on two threads at once. */
#include "other.h"
#include "trap.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

int32_t host_callback(int32_t value) { return value; }

static void deep(void *data) {
  (void)data;
  trap_deep(0);
}

static void stop(void *data) {
  (void)data;
  trap_stop();
}

static void other_stop_it(void *data) {
  (void)data;
  other_stop();
}

static void wait_in_try(void *data) {
  pthread_barrier_wait((pthread_barrier_t *)data);
  pthread_barrier_wait((pthread_barrier_t *)data);
}

/* Grows the memory by what it finds, overflows this thread's small stack, and traps. */
static void *work(void *data) {
  int *codes = (int *)data;
  pthread_mutex_lock(&turn);
  trap_store(0, trap_load(0) + 1);
  codes[0] = w2n_try(deep, 0, 0);
  codes[1] = w2n_try(stop, 0, 0);
  codes[2] = trap_catch();
  pthread_mutex_unlock(&turn);
  return 0;
}

static void *try_and_wait(void *data) {
  int *code = ((int **)data)[0];
  *code = w2n_try(wait_in_try, ((void **)data)[1], 0);
  return 0;
}

static void *hammer_other(void *data) {
  int n = 0;
  for (int i = 0; i < 2000; i++)
    n += w2n_try(other_stop_it, 0, 0) == W2N_TRAP_UNREACHABLE && other_catch() == 1;
  *(int *)data = n;
  return 0;
}

/* A thread that only has called init, and whose trap nobody catches. */
static void *die(void *data) {
  trap_init();
  (void)data;
  trap_deep(0);
  return 0;
}

static void *signal_stack(void *data) {
  stack_t before, after;
  sigaltstack(0, &before);
  trap_init();
  sigaltstack(0, &after);
  ((int *)data)[0] = (before.ss_flags & SS_DISABLE) != 0;
  ((int *)data)[1] = (after.ss_flags & SS_DISABLE) == 0;
  return 0;
}

int main(int argc, char **argv) {
  (void)argv;
  pthread_t threads[8], thread;
  pthread_attr_t small;
  int codes[8][3], code = -1, n = 0, stacks[2];
  pthread_barrier_t barrier;
  void *waiting[2] = {&code, &barrier};
  setvbuf(stdout, 0, _IONBF, 0);
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 << 10);
  if (argc > 1) {
    pthread_create(&thread, &small, die, 0);
    pthread_join(thread, 0);
    return 0;
  }
  for (int round = 0; round < 20; round++) {
    memset(codes, 0, sizeof codes);
    for (int i = 0; i < 8; i++)
      pthread_create(&threads[i], i % 2 ? &small : 0, work, codes[i]);
    for (int i = 0; i < 8; i++) {
      pthread_join(threads[i], 0);
      n += codes[i][0] == W2N_TRAP_STACK_EXHAUSTED && codes[i][1] == W2N_TRAP_UNREACHABLE && codes[i][2] == 1;
    }
  }
  printf("%d threads, %d calls\n", n, (int)trap_load(0));

  /* A try that is under way on another thread is not ended by the trap of this one. */
  pthread_barrier_init(&barrier, 0, 2);
  pthread_create(&thread, 0, try_and_wait, waiting);
  pthread_barrier_wait(&barrier);
  printf("here %d\n", w2n_try(stop, 0, 0));
  pthread_barrier_wait(&barrier);
  pthread_join(thread, 0);
  printf("there %d\n", code);

  /* Different libraries may run at the same time. */
  pthread_create(&thread, 0, hammer_other, &n);
  code = 0;
  for (int i = 0; i < 2000; i++)
    code += w2n_try(stop, 0, 0) == W2N_TRAP_UNREACHABLE && trap_catch() == 1;
  pthread_join(thread, 0);
  printf("at once %d %d\n", code, n);

  pthread_create(&thread, 0, signal_stack, stacks);
  pthread_join(thread, 0);
  printf("signal stack %d %d\n", stacks[0], stacks[1]);
  return 0;
}
