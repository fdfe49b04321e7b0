/* What can't be made is refused, and takes nothing: the next instance is whole. */
#include "library.h"
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

int32_t host_note(void *data, int32_t value) {
  (void)data;
  return value;
}

static void trap(void *it) { lib_trap(it); }

/* What the image put there, a trap, and a call after it. */
static void check(lib_instance *it) {
  w2n_trap why;
  if (!it) {
    puts("none");
    return;
  }
  int code = w2n_try(trap, it, &why);
  printf("%c %d %d\n", lib_at(it, 65536), code == W2N_TRAP_UNREACHABLE, lib_bump(it, 1));
}

/* Bytes of address space that the process has. */
static unsigned long taken(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%lu", &pages) != 1) puts("no statm");
  if (file) fclose(file);
  return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  w2n_config config = {.size = sizeof config, .max_memory = 1};
  for (int round = 0; round < 3; round++) check(lib_new(&config));
  check(lib_new(NULL));
  check(lib_new(NULL));
  struct rlimit limit, little;
  getrlimit(RLIMIT_AS, &limit);
  little = limit;
  /* Enough for another copy of the library, and too little for its memory. */
  little.rlim_cur = taken() + (64 << 20);
  setrlimit(RLIMIT_AS, &little);
  check(lib_new(NULL));
  setrlimit(RLIMIT_AS, &limit);
  check(lib_new(NULL));
  check(lib_new(NULL));
  return 0;
}
