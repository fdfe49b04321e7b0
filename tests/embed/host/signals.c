/* A host with signal handlers of its own. The first argument tells when they are installed. */
#include "trap.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sigjmp_buf back;
static struct sigaction previous;
static volatile int chains, checks_masks;

int32_t host_callback(int32_t value) { return value; }

static void handle(int number, siginfo_t *info, void *context) {
  /* What a host does that installs its handler later. */
  if (chains == 1 && w2n_handle_signal(number, info, context))
    return;
  printf("host handles %d", number);
  if (checks_masks) {
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, 0, &blocked);
    printf(" blocked %d %d %d", sigismember(&blocked, SIGSEGV), sigismember(&blocked, SIGTERM), sigismember(&blocked, SIGUSR1));
  }
  printf("\n");
  siglongjmp(back, 1);
}

/* Hands on what the library does not take, by the handler that was there before. */
static void chain(int number, siginfo_t *info, void *context) {
  if (info->si_addr == (void *)16)
    handle(number, info, context);
  else
    previous.sa_sigaction(number, info, context);
}

static void install(void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGUSR1);
  sigaction(SIGSEGV, &action, &previous);
  if (handler != chain)
    sigaction(SIGFPE, &action, 0);
}

static void fault(void) {
  if (sigsetjmp(back, 1) == 0)
    *(volatile int *)16 = 1;
  else
    printf("back\n");
}

static void load(void *data) {
  (void)data;
  trap_load(-4);
}

static void deep(void *data) {
  (void)data;
  trap_deep(0);
}

static void divide(void *data) {
  (void)data;
  trap_divide(1, 0);
}

/* Recursion of the host alone: no business of the library's. */
static int recurse(volatile int *numbers, int n) {
  volatile int more[64];
  more[0] = n + numbers[0];
  return n < 0 ? 0 : recurse(more, n + 1) + more[0];
}

static void try_and_fault(void) {
  printf("trap %d\n", w2n_try(load, 0, 0));
  fault();
  printf("trap %d\n", w2n_try(deep, 0, 0));
  printf("trap %d\n", w2n_try(divide, 0, 0));
  fault();
}

int main(int argc, char **argv) {
  const char *order = argc > 1 ? argv[1] : "none";
  volatile int zero[64] = {0};
  setvbuf(stdout, 0, _IONBF, 0);
  if (strcmp(order, "before") == 0) {
    install(handle);
    trap_init();
    try_and_fault();
  } else if (strcmp(order, "after") == 0) {
    trap_init();
    chains = 1;
    install(handle);
    try_and_fault();
  } else if (strcmp(order, "chain") == 0) {
    trap_init();
    install(chain);
    try_and_fault();
  } else if (strcmp(order, "none") == 0) {
    trap_init();
    w2n_try(load, 0, 0);
    *(volatile int *)16 = 1;
  } else if (strcmp(order, "sent") == 0) {
    trap_init();
    raise(SIGSEGV);
  } else if (strcmp(order, "host overflow") == 0) {
    trap_init();
    w2n_try(deep, 0, 0);
    return recurse(zero, 1);
  } else if (strcmp(order, "overflow in handler") == 0) {
    install(handle);
    trap_init();
    if (sigsetjmp(back, 1) == 0)
      return recurse(zero, 1);
    printf("back\n");
  } else if (strcmp(order, "masks") == 0) {
    sigset_t blocked;
    checks_masks = 1;
    install(handle);
    trap_init();
    fault();
    w2n_try(load, 0, 0);
    sigprocmask(SIG_BLOCK, 0, &blocked);
    printf("after %d %d\n", sigismember(&blocked, SIGSEGV), sigismember(&blocked, SIGTERM));
  }
  return 0;
}
