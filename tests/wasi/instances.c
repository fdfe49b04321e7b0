/* Instances of one library on four threads: each thread makes some, calls them, is interrupted by
   the others, catches traps, and gives them back, which others take again. */
#define _GNU_SOURCE
#include "lib.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 30 };

/* The instance that a thread calls; the next thread interrupts it. */
static struct slot {
  pthread_mutex_t lock;
  lib_instance *instance;
} slots[THREADS];

struct call {
  lib_instance *instance;
  int32_t argument, result;
};

static void work(void *data) {
  struct call *call = data;
  call->result = lib_work(call->instance, call->argument);
}

static void loop(void *data) { lib_loop(((struct call *)data)->instance); }

static void expect(int is_right, const char *what, int number) {
  if (!is_right) {
    fprintf(stderr, "%s: %d\n", what, number);
    exit(1);
  }
}

static void set(struct slot *slot, lib_instance *instance) {
  pthread_mutex_lock(&slot->lock);
  slot->instance = instance;
  pthread_mutex_unlock(&slot->lock);
}

static atomic_int n_running = THREADS;

/* Ends the loops of a thread until all threads are done. */
static void *interrupt(void *data) {
  struct slot *slot = data;
  while (atomic_load(&n_running)) {
    pthread_mutex_lock(&slot->lock);
    if (slot->instance)
      lib_interrupt(slot->instance);
    pthread_mutex_unlock(&slot->lock);
    sched_yield();
  }
  return 0;
}

static void *run(void *data) {
  struct slot *slot = data;
  for (int round = 0; round < ROUNDS; round++) {
    w2n_trap trap;
    struct call call = {lib_new(0), round, 0};
    expect(call.instance != 0, "no instance", round);
    int code = w2n_try(work, &call, &trap);
    expect(code == 0 && call.result == round + 3, "result", call.result);
    call.argument = -1;
    code = w2n_try(work, &call, &trap);
    expect(code == W2N_TRAP_MEMORY_OUT_OF_BOUNDS, "access", code);
    call.argument = -2;
    code = w2n_try(work, &call, &trap);
    expect(code == W2N_TRAP_UNREACHABLE, "unreachable", code);
    set(slot, call.instance);
    code = w2n_try(loop, &call, &trap);
    expect(code == W2N_TRAP_INTERRUPTED, "interrupt", code);
    set(slot, 0);
    lib_cancel_interrupt(call.instance);
    expect(lib_reset(call.instance) == 0, "reset", round);
    call.argument = round;
    code = w2n_try(work, &call, &trap);
    expect(code == 0 && call.result == round + 3, "result after a reset", call.result);
    lib_free(call.instance);
  }
  atomic_fetch_sub(&n_running, 1);
  return 0;
}

int main(void) {
  pthread_t threads[2 * THREADS];
  for (int n = 0; n < THREADS; n++) {
    pthread_mutex_init(&slots[n].lock, 0);
    pthread_create(&threads[n], 0, run, &slots[n]);
    pthread_create(&threads[THREADS + n], 0, interrupt, &slots[n]);
  }
  for (int n = 0; n < 2 * THREADS; n++)
    pthread_join(threads[n], 0);
  puts("done");
  return 0;
}
