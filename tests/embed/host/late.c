/* An interrupt whose system call is held up until the call that it was for has ended. */
#include "interrupt.h"
#include <semaphore.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BEFORE, AFTER, MOMENTS };
/* The access that this thread is held before and after it asks for; -1: none. */
static __thread int held = -1;
/* Whether the thread that is held is there, and whether it may go on. */
static sem_t is_there[MOMENTS], goes_on[MOMENTS];

static void hold(int moment) {
  sem_post(&is_there[moment]);
  sem_wait(&goes_on[moment]);
}

/* The one that the library calls. */
int mprotect(void *start, size_t bytes, int access) {
  int is_held = access == held;
  held = is_held ? -1 : held;
  if (is_held)
    hold(BEFORE);
  int result = syscall(SYS_mprotect, start, bytes, access);
  if (is_held)
    hold(AFTER);
  return result;
}

void host_callback(void) {}

static void waits(void *data) { (void)data, interrupt_wait(-1); }
static void few(void *data) { *(int *)data = interrupt_fib(16); }
static void spin(void *data) { (void)data, interrupt_spin(); }

static void *interrupt(void *data) {
  held = PROT_NONE;
  interrupt_interrupt();
  return data;
}

static void *cancel(void *data) {
  held = PROT_READ | PROT_WRITE;
  interrupt_cancel_interrupt();
  return data;
}

int main(void) {
  for (int i = 0; i < MOMENTS; i++)
    sem_init(&is_there[i], 0, 0), sem_init(&goes_on[i], 0, 0);
  setvbuf(stdout, 0, _IONBF, 0);
  w2n_trap trap;
  pthread_t thread;
  int result = 0;
  interrupt_init();
  pthread_create(&thread, 0, interrupt, 0);
  sem_wait(&is_there[BEFORE]);
  /* It is noted, so the wait ends. */
  printf("wait: %d\n", w2n_try(waits, 0, &trap) == W2N_TRAP_INTERRUPTED);
  sem_post(&goes_on[BEFORE]);
  sem_wait(&is_there[AFTER]);
  int code = w2n_try(few, &result, &trap);
  printf("closed: %d %d\n", code, result);
  sem_post(&goes_on[AFTER]);
  pthread_join(thread, 0);
  result = 0;
  code = w2n_try(few, &result, &trap);
  printf("after: %d %d\n", code, result);
  interrupt_interrupt();
  printf("next: %d\n", w2n_try(spin, 0, &trap) == W2N_TRAP_INTERRUPTED);
  /* The other way round: the page is opened too late, and the interrupt must not be lost. */
  alarm(30);
  pthread_create(&thread, 0, cancel, 0);
  sem_wait(&is_there[BEFORE]);
  interrupt_interrupt();
  sem_post(&goes_on[BEFORE]);
  sem_wait(&is_there[AFTER]);
  sem_post(&goes_on[AFTER]);
  pthread_join(thread, 0);
  printf("opened: %d\n", w2n_try(spin, 0, &trap) == W2N_TRAP_INTERRUPTED);
  return 0;
}
