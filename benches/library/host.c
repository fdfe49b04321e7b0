/* Times what a host does with a library, which FORM says: prints a name and a number in each line, times in nanoseconds. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SINGLE 1
#define INSTANCES 2
#define WASM2C 3

#if FORM == WASM2C
#include "library.h"
typedef Z_library_instance_t instance;
#define bump Z_libraryZ_bump
#define touch Z_libraryZ_touch
#define spin Z_libraryZ_spin
static instance *make(void) {
  instance *it = malloc(sizeof *it);
  Z_library_instantiate(it);
  return it;
}
static void release(instance *it) {
  Z_library_free(it);
  free(it);
}
static void reset(instance *it) {
  Z_library_free(it);
  Z_library_instantiate(it);
}
#else
#include LIBRARY
#if FORM == INSTANCES
typedef library_instance instance;
#define bump library_bump
#define touch library_touch
#define spin library_spin
#define make() library_new(NULL)
#define release library_free
#define reset library_reset
#else
typedef void instance;
#define bump(it, by) library_bump(by)
#define touch(it, pages) library_touch(pages)
#define spin(it, n) library_spin(n)
#define make() NULL
#define release(it)
#define reset(it) library_reset()
#endif
#endif

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* What is measured is not to be known to the compiler. */
#define KEEP(value) __asm__ volatile("" ::"r"(value) : "memory")

#ifdef INTERRUPT
static double interrupted;
static void run(void *it) {
  (void)it;
  for (;;) spin(it, 1000000000);
}
static void *interrupt(void *it) {
  (void)it;
  usleep(5000);
  interrupted = now();
#if FORM == INSTANCES
  library_interrupt(it);
#else
  library_interrupt();
#endif
  return NULL;
}
#endif

int main(int argc, char **argv) {
  (void)argv;
#if FORM == WASM2C
  wasm_rt_init();
  Z_library_init_module();
#endif
  instance *it = make();
#ifdef INTERRUPT
  /* With an argument: how long an interrupt takes to end a call. */
  if (argc > 1) {
    pthread_t thread;
    pthread_create(&thread, NULL, interrupt, it);
    w2n_trap trap;
    w2n_try(run, it, &trap);
    printf("interrupt %.0f\n", now() - interrupted);
    pthread_join(thread, NULL);
    return trap.code != W2N_TRAP_INTERRUPTED;
  }
#endif
  (void)argc;
  enum { CALLS = 20000000, ROUNDS = 50000000, RESETS = 200, INSTANCES_AT_ONCE = 200 };
  KEEP(bump(it, 1));
  double start = now();
  for (int i = 0; i < CALLS; i++) KEEP(bump(it, i));
  printf("call %.2f\n", (now() - start) / CALLS);
  start = now();
  KEEP(spin(it, ROUNDS));
  printf("loop %.0f\n", now() - start);
  double spent = 0;
  for (int i = 0; i < RESETS; i++) {
    touch(it, 16);
    start = now();
    reset(it);
    spent += now() - start;
  }
  printf("reset %.0f\n", spent / RESETS);
#if FORM != SINGLE
  static instance *all[INSTANCES_AT_ONCE];
  start = now();
  for (int i = 0; i < INSTANCES_AT_ONCE; i++) all[i] = make();
  printf("new %.0f\n", (now() - start) / INSTANCES_AT_ONCE);
  start = now();
  for (int i = 0; i < 100 * INSTANCES_AT_ONCE; i++) KEEP(bump(all[i % INSTANCES_AT_ONCE], i));
  printf("call-of-200 %.2f\n", (now() - start) / (100 * INSTANCES_AT_ONCE));
  start = now();
  for (int i = 0; i < INSTANCES_AT_ONCE; i++) release(all[i]);
  printf("free %.0f\n", (now() - start) / INSTANCES_AT_ONCE);
  start = now();
  for (int i = 0; i < INSTANCES_AT_ONCE; i++) all[i] = make();
  printf("new-again %.0f\n", (now() - start) / INSTANCES_AT_ONCE);
#endif
  return 0;
}
