/* Traps inside and outside of w2n_try. The first argument chooses what happens. */
#include "trap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int depth_of_callback;

static void stop(void *data) {
  (void)data;
  trap_stop();
}

static void outer(void *data) {
  (void)data;
  trap_outer();
}

static void divide(void *data) {
  int *numbers = (int *)data;
  numbers[2] = trap_divide(numbers[0], numbers[1]);
}

static void overflow_number(void *data) {
  (void)data;
  trap_divide(INT32_MIN, -1);
}

static void load(void *data) {
  (void)data;
  trap_load(65536);
}

static void call_null(void *data) {
  (void)data;
  trap_call_null();
}

static void throw_it(void *data) {
  (void)data;
  trap_throw();
}

static void deep(void *data) {
  (void)data;
  trap_deep(0);
}

static void nothing(void *data) { *(int *)data += 1; }

/* Inside of a callback: 0 returns, 1 traps in the library, 2 tries that, 3 recurses through both languages without end. */
int32_t host_callback(int32_t what) {
  w2n_trap trap;
  volatile char room[1000];
  room[0] = (char)what;
  depth_of_callback++;
  switch (what) {
  case 1:
    trap_stop();
    return 0;
  case 2:
    return w2n_try(stop, 0, &trap) + (room[0] == 2);
  case 3:
    return trap_through(3) + room[0];
  default:
    return 7;
  }
}

static void through(void *data) {
  int *numbers = (int *)data;
  numbers[1] = trap_through(numbers[0]);
}

static void nested(void *data) {
  w2n_trap inner;
  int code = w2n_try(stop, 0, &inner);
  printf("inner %d %s\n", code, inner.message);
  code = w2n_try(nothing, data, &inner);
  printf("inner %d '%s' %llu\n", code, inner.message, (unsigned long long)inner.n_frames);
  trap_divide(1, 0);
}

static void report(const char *what, void (*function)(void *), void *data) {
  w2n_trap trap;
  memset(&trap, 0xff, sizeof trap);
  int code = w2n_try(function, data, &trap);
  printf("%s: %d %d %s", what, code, trap.code == code, trap.message);
  if (trap.n_frames > 0)
    printf(" in %s, %s", trap.frames[0].function, trap.frames[0].offset != UINT32_MAX ? "known" : "unknown");
  printf("\n");
}

static void all(void) {
  int numbers[3] = {7, 2, 0};
  char text[200];
  w2n_trap trap;
  report("divide", divide, numbers);
  printf("7 / 2 = %d\n", numbers[2]);
  numbers[1] = 0;
  report("by zero", divide, numbers);
  report("too large", overflow_number, 0);
  report("load", load, 0);
  report("null", call_null, 0);
  report("unreachable", stop, 0);
  report("exception", throw_it, 0);
  printf("caught %d\n", (int)trap_catch());
  report("deep", deep, 0);
  report("deep again", deep, 0);
  numbers[0] = 0;
  report("callback", through, numbers);
  printf("returned %d\n", numbers[1]);
  numbers[0] = 1;
  report("trap in callback", through, numbers);
  numbers[0] = 2;
  report("try in callback", through, numbers);
  printf("returned %d\n", numbers[1]);
  numbers[0] = 3;
  depth_of_callback = 0;
  report("both deep", through, numbers);
  printf("was deep: %d\n", depth_of_callback > 1000);
  report("nested", nested, numbers);
  printf("without a place: %d\n", w2n_try(stop, 0, 0));
  w2n_try(outer, 0, &trap);
  size_t length = w2n_trap_text(&trap, text, sizeof text);
  printf("%d\n%s", length == strlen(text), text);
  length = w2n_trap_text(&trap, text, 20);
  printf("%d '%s'\n", length > 20, text);
  printf("%d\n", w2n_trap_text(&trap, 0, 0) == length);
  trap_store(100, 5);
  printf("usable %d %d\n", (int)trap_load(100), (int)trap_grow(1));
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "all";
  setvbuf(stdout, 0, _IONBF, 0);
  if (strcmp(what, "all") == 0)
    all();
  else if (strcmp(what, "outside") == 0)
    trap_outer();
  else if (strcmp(what, "outside deep") == 0)
    trap_deep(0);
  else if (strcmp(what, "after") == 0) {
    w2n_try(stop, 0, 0);
    trap_outer();
  }
  return 0;
}
