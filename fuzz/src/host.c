/* Calls libraries of one module and prints what comes of it, a line a call.

   host CALLS MODE LIBRARY...: numbers below CALLS are handed over. In MODE `on` the library goes on after a
   trap, and in `reset` it goes back to its start, but for a call stack exhausted.

   Lines: `library PATH`, then `NAME CODE VALUE FUNCTION OFFSET MESSAGE` each for `init`, the calls by number, and
   `state`. CODE is that of the trap, or 0; FUNCTION and OFFSET are in decimal. The line `end` is the last. */
#include "library.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
  int64_t (*function)(int64_t);
  int64_t value; /* the argument, then the result */
};

static void call(void *data) {
  struct call *call = data;
  call->value = call->function(call->value);
}

static void start(void *data) {
  int (**function)(void) = data;
  (*function)();
}

static int (*attempt)(void (*)(void *), void *, w2n_trap *);

static void *symbol(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (!found) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  return found;
}

static void print(const char *name, int code, int64_t value, const w2n_trap *trap) {
  const w2n_frame none = {"", 0, UINT32_MAX, "", 0, 0};
  const w2n_frame *frame = code && trap->n_frames ? trap->frames : &none;
  printf("%s %d %llx %u %u %s\n", name, code, (unsigned long long)value, frame->index, frame->offset,
         code ? trap->message : "");
  fflush(stdout);
}

static int make(const char *name, void *function, int64_t argument) {
  struct call it = {(int64_t(*)(int64_t))function, argument};
  w2n_trap trap;
  int code = attempt(call, &it, &trap);
  print(name, code, code ? 0 : it.value, &trap);
  return code;
}

int main(int argc, char **argv) {
  int n_calls = argc > 3 ? atoi(argv[1]) : 0, resets = argc > 3 && !strcmp(argv[2], "reset");
  for (int at = 3; at < argc; at++) {
    printf("library %s\n", argv[at]);
    fflush(stdout);
    void *library = dlopen(argv[at], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    attempt = (int (*)(void (*)(void *), void *, w2n_trap *))symbol(library, "w2n_try");
    int (*init)(void) = (int (*)(void))symbol(library, "m_init");
    int (*reset)(void) = (int (*)(void))symbol(library, "m_reset");
    w2n_trap trap;
    int code = attempt(start, &init, &trap);
    print("init", code, 0, &trap);
    if (code)
      continue;
    for (int number = 0; number < n_calls; number++) {
      char name[16];
      sprintf(name, "%d", number);
      code = make(name, symbol(library, "m_fuzz_call"), number);
      if (code == W2N_TRAP_STACK_EXHAUSTED)
        break;
      if (code && resets)
        attempt(start, &reset, 0);
    }
    make("state", symbol(library, "m_fuzz_state"), 0);
  }
  printf("end\n");
  return 0;
}
