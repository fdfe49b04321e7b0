/* A host that ends calls from another thread, from a signal handler, from a callback and before they begin. */
#include "interrupt.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long interrupted_at;
static int calls;

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

void host_callback(void) {
  if (++calls == 1000)
    interrupt_interrupt();
}

static void spin(void *data) { (void)data, interrupt_spin(); }
static void count(void *data) { (void)data, interrupt_count(); }
static void branches(void *data) { (void)data, interrupt_branches(6); }
static void fib(void *data) { (void)data, interrupt_fib(60); }
static void tail(void *data) { (void)data, interrupt_tail(); }
static void indirect(void *data) { (void)data, interrupt_indirect(); }
static void catch(void *data) { (void)data, interrupt_catch(); }
static void calls_back(void *data) { (void)data, interrupt_calls(); }
static void sums(void *data) { (void)data, interrupt_sums(); }
static void sleeps(void *data) { (void)data, interrupt_sleep(); }
static void reads(void *data) { (void)data, interrupt_read(); }
static void waits(void *data) { (void)data, interrupt_wait(-1); }
static void add(void *data) { *(int *)data = interrupt_add(20, 22); }
static void few(void *data) { *(int *)data = interrupt_fib(16); }
static void wait_shortly(void *data) { (void)data, interrupt_wait(30000000); }

static void *interrupt_soon(void *milliseconds) {
  struct timespec pause = {0, (long)milliseconds * 1000000};
  nanosleep(&pause, 0);
  interrupted_at = now();
  if (interrupt_interrupt())
    puts("refused");
  return 0;
}

/* Interrupts a call, and calls the library again. */
static long long end(const char *name, void (*function)(void *), long milliseconds) {
  pthread_t thread;
  w2n_trap trap;
  int result = 0;
  pthread_create(&thread, 0, interrupt_soon, (void *)milliseconds);
  int code = w2n_try(function, &result, &trap);
  long long latency = now() - interrupted_at;
  pthread_join(thread, 0);
  if (name)
    printf("%s: %d `%s` in %.3s, then %d\n", name, code == W2N_TRAP_INTERRUPTED, trap.message, trap.n_frames ? trap.frames[0].function : "none", interrupt_add(1, 2));
  return latency;
}

static int compare(const void *a, const void *b) {
  long long x = *(const long long *)a, y = *(const long long *)b;
  return (x > y) - (x < y);
}

static void on_alarm(int number) {
  (void)number;
  interrupt_interrupt();
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*function)(void *); } all[] = {
    {"spin", spin}, {"count", count}, {"branches", branches}, {"fib", fib}, {"tail", tail}, {"indirect", indirect},
    {"catch", catch}, {"sums", sums}, {"sleep", sleeps}, {"read", reads}, {"wait", waits},
  };
  int result = 0;
  w2n_trap trap;
  setvbuf(stdout, 0, _IONBF, 0);
  /* Nobody writes to it. */
  int ends[2];
  if (pipe(ends) || dup2(ends[0], 0))
    return 1;
  if (argc > 1 && !strcmp(argv[1], "die")) {
    interrupt_init();
    interrupt_interrupt();
    interrupt_fib(60);
    return 0;
  }
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
    end(all[i].name, all[i].function, 20);
  /* Of one thread: a callback, and a handler of signals. */
  int code = w2n_try(calls_back, 0, &trap);
  printf("callback: %d after %d\n", code == W2N_TRAP_INTERRUPTED, calls);
  struct itimerval soon = {{0, 0}, {0, 20000}};
  signal(SIGALRM, on_alarm);
  setitimer(ITIMER_REAL, &soon, 0);
  printf("alarm: %d\n", w2n_try(fib, 0, &trap) == W2N_TRAP_INTERRUPTED);
  /* While nothing runs: the next call that can be interrupted is, and no other. */
  interrupt_interrupt(), interrupt_interrupt();
  code = w2n_try(add, &result, &trap);
  printf("leaf: %d %d\n", code, result);
  code = w2n_try(spin, 0, &trap);
  printf("next: %d, then %d\n", code == W2N_TRAP_INTERRUPTED, w2n_try(wait_shortly, 0, &trap));
  interrupt_interrupt();
  interrupt_cancel_interrupt();
  code = w2n_try(few, &result, &trap);
  printf("canceled: %d %d\n", code, result);
  interrupt_interrupt();
  code = interrupt_reset();
  printf("reset: %d, then %d\n", code, w2n_try(wait_shortly, 0, &trap));
  /* Races with the end of the call. */
  int rounds = argc > 1 ? atoi(argv[1]) : 100;
  for (int i = 0; i < rounds; i++) {
    pthread_t thread;
    pthread_create(&thread, 0, interrupt_soon, 0);
    code = w2n_try(few, &result, &trap);
    if (code && code != W2N_TRAP_INTERRUPTED)
      printf("code %d\n", code);
    pthread_join(thread, 0);
    interrupt_cancel_interrupt();
    if (w2n_try(few, &result, &trap))
      puts("not canceled");
  }
  long long latencies[100];
  for (int i = 0; i < rounds; i++)
    latencies[i] = end(0, count, 1);
  qsort(latencies, rounds, sizeof *latencies, compare);
  fprintf(stderr, "latency: median %lld ns, most %lld ns\n", latencies[rounds / 2], latencies[rounds - 1]);
  printf("soon: %d\n", latencies[rounds / 2] < 100000000);
  return 0;
}
