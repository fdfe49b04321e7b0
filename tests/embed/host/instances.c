/* Many instances of one library: apart from each other, at once, on several threads, given back and taken again. */
#include "library.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                 \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

enum { MOST = 200 };
static int n;

/* What the module's start is to free while it runs. */
static lib_instance *begun;

int32_t host_note(void *data, int32_t value) {
  if (value == 0) lib_free(begun);
  if (!data) return 0;
  if (value == -1) w2n_raise_message("noted");
  int *sum = data;
  *sum += value;
  return *sum;
}

static ptrdiff_t take(void *data, const void *buffer, size_t length) {
  strncat(data, buffer, length);
  return (ptrdiff_t)length;
}

static w2n_config configuration(int *sum) {
  w2n_config config = {0};
  config.size = sizeof config;
  config.user_data = sum;
  return config;
}

/* What an instance has at its start. */
static void check_fresh(lib_instance *it, int *sum) {
  struct lib_both_result both;
  CHECK(*lib_count(it) == 10);
  CHECK(lib_bump(it, 3) == 13 + 10);
  lib_both(it, &both, 6, 1.25);
  CHECK(both.r0 == 11 && both.r1 == 1.75);
  CHECK(lib_many(it, 1, 2, 3, 4, 5, 6, 7, 18) == 1011);
  CHECK(lib_call_table(it) == 7);
  lib_change_table(it);
  CHECK(lib_call_table(it) == 8);
  CHECK(lib_memory_size(it) == 131072);
  CHECK(lib_at(it, 65536) == 'b' && lib_at(it, 90002) == 'd' && lib_at(it, 70000) == 0);
  lib_put(it, 65536, 'B');
  lib_put(it, 70000, 9);
  lib_late(it);
  CHECK(memcmp((char *)lib_memory(it) + 200, "late", 4) == 0);
  *sum = 0;
  CHECK(lib_ask(it, 5) == 5 && lib_ask(it, 6) == 11 && *sum == 11);
  CHECK(lib_grow(it, 3) == 2 && lib_memory_grow(it, 1) == 5 && lib_memory_size(it) == 6 * 65536);
}

/* What it has after that. */
static void check_used(lib_instance *it) {
  CHECK(*lib_count(it) == 13 && lib_call_table(it) == 8 && lib_at(it, 65536) == 'B' && lib_at(it, 70000) == 9);
  CHECK(lib_memory_size(it) == 6 * 65536);
}

struct thread {
  lib_instance *it;
  int32_t n;
  int32_t sum;
};

static void call_trap(void *it) { lib_trap(it); }

static void *run(void *argument) {
  struct thread *thread = argument;
  for (int round = 0; round < n / 10; round++) {
    w2n_trap trap;
    thread->sum = lib_spin(thread->it, thread->n);
    CHECK(w2n_try(call_trap, thread->it, &trap) != 0 && trap.n_frames == 1 && strcmp(trap.frames[0].function, "trap") == 0);
  }
  return NULL;
}

static void *churn(void *argument) {
  (void)argument;
  for (int round = 0; round < n / 4; round++) {
    int sum;
    w2n_config config = configuration(&sum);
    lib_instance *it = lib_new(&config);
    CHECK(it);
    check_fresh(it, &sum);
    lib_free(it);
  }
  return NULL;
}

static void ask(void *it) { lib_ask(it, -1); }

int main(int argc, char **argv) {
  /* Without descriptors there are no files in memory, so that instances are copies. */
  n = argc > 1 ? atoi(argv[1]) : MOST;
  CHECK(n > 30 && n <= MOST);
  int no_files = argc > 2 && strcmp(argv[2], "no-files") == 0;
  /* A file in memory is one whose size is limited. */
  if (argc > 2 && strcmp(argv[2], "small-files") == 0)
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1024, 1024}) == 0);
  if (no_files) CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 3}) == 0);
  static lib_instance *all[MOST];
  static int sums[MOST];
  for (int i = 0; i < n; i++) {
    w2n_config config = configuration(&sums[i]);
    CHECK((all[i] = lib_new(&config)) != NULL);
    if (i > 0) check_used(all[i - 1]);
    check_fresh(all[i], &sums[i]);
    /* A host that closes what it does not know, as daemons do. */
    if (i == 10)
      for (int descriptor = 3; descriptor < 100; descriptor++) close(descriptor);
    if (i == 20 && !no_files) CHECK(fopen("/dev/null", "r"));
  }
  for (int i = 0; i < n; i++) check_used(all[i]);

  /* At once. */
  pthread_t threads[4];
  struct thread of[4];
  for (int i = 0; i < 4; i++) {
    of[i] = (struct thread){all[i], 20000 + 1000 * i, 0};
    CHECK(pthread_create(&threads[i], NULL, run, &of[i]) == 0);
  }
  for (int i = 0; i < 4; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(of[i].sum == n / 10 * of[i].n);
  }
  for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
  for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);

  /* Given back, and as new afterwards. */
  for (int i = 0; i < n; i += 2) lib_free(all[i]);
  for (int i = 1; i < n; i += 2) check_used(all[i]);
  for (int i = 0; i < n; i += 2) {
    w2n_config config = configuration(&sums[i]);
    CHECK((all[i] = lib_new(&config)) != NULL);
    check_fresh(all[i], &sums[i]);
  }
  for (int i = 0; i < n; i++) check_used(all[i]);

  /* Each has its own configuration. */
  static char said[2][100];
  const char *const arguments[] = {"a", "b", "c", NULL};
  w2n_config config = configuration(&sums[0]);
  config.arguments = arguments;
  config.output = (w2n_stream){.kind = W2N_STREAM_CALLBACK, .write = take, .data = said[0]};
  lib_instance *one = lib_new(&config);
  config.arguments = arguments + 1;
  config.output.data = said[1];
  config.max_memory = 4 * 65536;
  lib_instance *two = lib_new(&config);
  CHECK(lib_n_arguments(one) == 3 && lib_n_arguments(two) == 2);
  CHECK(lib_say(one, 5) == 0 && lib_say(two, 3) == 0 && strcmp(said[0], "begin") == 0 && strcmp(said[1], "beg") == 0);
  CHECK(lib_grow(two, 100) == -1 && lib_grow(one, 100) == 2);
  lib_free(two);
  /* The next has nothing of it. */
  two = lib_new(NULL);
  CHECK(lib_n_arguments(two) == 1 && lib_grow(two, 100) == 2);

  /* A trap in one, by an import or by code, is nothing to the others. */
  w2n_trap trap;
  CHECK(w2n_try(ask, one, &trap) == W2N_TRAP_HOST && strcmp(trap.message, "noted") == 0);
  CHECK(w2n_try(call_trap, two, &trap) == W2N_TRAP_UNREACHABLE);
  CHECK(lib_bump(two, 1) == 11 + 8);
  CHECK(lib_reset(two) == 0 && lib_bump(two, 1) == 11 + 8);
  for (int i = 0; i < n; i++) check_used(all[i]);

  /* What can't be. */
  lib_free(NULL);
  lib_free(two);
  lib_free(two);
  lib_instance *next = lib_new(NULL);
  begun = next;
  CHECK(lib_reset(next) == 0);
  begun = NULL;
  CHECK(lib_bump(next, 1) == 11 + 8);
  lib_free(next);
  /* The structure of a later version, as long as nothing is asked for that is new in it. */
  struct {
    w2n_config config;
    char more[200];
  } later = {.config.size = sizeof later};
  CHECK((next = lib_new(&later.config)) != NULL);
  lib_free(next);
  later.more[190] = 1;
  CHECK(lib_new(&later.config) == NULL);
  w2n_config wrong = {0};
  CHECK(lib_new(&wrong) == NULL);
  CHECK(lib_new(NULL) != NULL);
  puts("ok");
  return 0;
}
