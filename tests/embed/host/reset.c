/* Changes a library in every way, lets it trap, and puts it back. Prints what is not as at the start. */
#include "reset.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int pages, returned;

static const char *raised;

void host_callback(void) {
  if (raised) w2n_raise_message(raised);
  returned = reset_reset();
}

static void change(void *data) { reset_change(pages, data); }
static void stop(void *data) { (void)data, reset_stop(); }
static void divide(void *data) { (void)data, reset_throw(); }
static void deep(void *data) { (void)data, reset_deep(0); }
static void beyond(void *data) { (void)data, reset_beyond(); }
static void segments(void *data) { (void)data, reset_segments(); }
static void back(void *data) { (void)data, reset_call_back(); }

/* The descriptor that comes next. */
static int next_descriptor(void) {
  int next = open("/", O_RDONLY);
  close(next);
  return next;
}

int main(int argc, char **argv) {
  void (*const ends[])(void *) = {stop, divide, deep, beyond};
  int n_rounds = argc > 1 ? atoi(argv[1]) : 20, n_wrong = 0;
  w2n_trap trap;
  printf("reset before init: %d\n", reset_reset());
  const int64_t start = reset_state();
  unsigned char *memory = reset_memory();
  const int first = next_descriptor();
  printf("size %zu, `%.5s`, shown %.1f\n", reset_memory_size(), (char *)memory + 100, reset_shown);
  for (int round = 0; round < n_rounds; round++) {
    pages = round % 3 ? round % 50 : 1000;
    if (w2n_try(segments, 0, &trap)) n_wrong++, printf("segments: %s\n", trap.message);
    if (w2n_try(change, &round, &trap)) n_wrong++, printf("change: %s\n", trap.message);
    reset_shown = -1;
    if (reset_state() == start) n_wrong++, printf("nothing changed\n");
    if (!w2n_try(segments, 0, &trap)) n_wrong++, printf("segments are not dropped\n");
    if (!w2n_try(ends[round % 4], 0, &trap)) n_wrong++, printf("no trap\n");
    const int opened = reset_open();
    if (opened) n_wrong++, printf("open: %d\n", opened);
    const int failed = reset_reset();
    if (failed) return printf("reset: %d\n", failed), 1;
    if (reset_state() != start) n_wrong++, printf("round %d: not as at the start\n", round);
    if (reset_memory() != (void *)memory || reset_memory_size() != 3 * 65536) n_wrong++, printf("memory\n");
    if (reset_shown != 2.5) n_wrong++, printf("shown %f\n", reset_shown);
    if (next_descriptor() != first) n_wrong++, printf("descriptors stay open\n");
  }
  printf("%d rounds, %d wrong\n", n_rounds, n_wrong);
  if (!w2n_try(beyond, 0, &trap)) printf("what lies beyond the memory does not fault\n");
  fflush(stdout);
  const int ended = w2n_try(back, 0, &trap);
  printf("in a callback: %d %d\n", ended, returned);
  printf("after it: %d %d\n", reset_reset(), reset_state() == start);
  char longest[300];
  memset(longest, 'x', 299), longest[299] = 0;
  const char *const messages[] = {"of the host", "", longest};
  for (int i = 0; i < 3; i++) {
    raised = messages[i];
    const int code = w2n_try(back, 0, &trap);
    printf("raised: %d %d %zu `%.11s` %llu\n", code == W2N_TRAP_HOST, trap.code == code, strlen(trap.message), trap.message,
           (unsigned long long)trap.n_frames);
  }
  const long long grown[] = {reset_memory_grow(0), reset_memory_grow(2), reset_memory_grow(-1), reset_memory_grow(500),
                             reset_memory_grow(1996), reset_memory_grow(UINT64_MAX / 65536 + 1)};
  for (int i = 0; i < 6; i++) printf("%lld ", grown[i]);
  printf("%zu\n", reset_memory_size());
  memory[reset_memory_size() - 1] = 1;
  return 0;
}
