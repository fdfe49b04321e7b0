/* Opens libraries at run time, without their symbols in the program. */
#include "values.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void host_log(int32_t value);
double host_mix(int64_t a, float b, double c);
void host_log(int32_t value) { printf("log %d\n", (int)value); }
double host_mix(int64_t a, float b, double c) { return (double)a + (double)b + c; }

/* A function by its name; ISO C knows no conversion. */
static void find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  if (!symbol)
    printf("%s\n", dlerror());
  memcpy(function, &symbol, sizeof symbol);
}

static int32_t (*divide)(int32_t, int32_t);

static void by_zero(void *data) { *(int32_t *)data = divide(1, 0); }

static void use(const char *file, const char *prefix) {
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    printf("%s\n", dlerror());
    return;
  }
  char name[100];
  int (*init)(void);
  size_t (*size)(void);
  int (*try_)(void (*)(void *), void *, w2n_trap *);
  int32_t result = 0;
  w2n_trap trap;
  snprintf(name, sizeof name, "%s_init", prefix);
  find(library, name, &init);
  snprintf(name, sizeof name, "%s_memory_size", prefix);
  find(library, name, &size);
  snprintf(name, sizeof name, "%s_divide", prefix);
  find(library, name, &divide);
  find(library, "w2n_try", &try_);
  printf("%s %d %zu %d", prefix, init(), size(), (int)divide(12, 4));
  printf(" %d", try_(by_zero, &result, &trap));
  printf(" %s\n", trap.message);
  /* Signal handlers point into it: it stays. */
  dlclose(library);
  printf("again %d %d\n", (int)divide(9, 3), try_(by_zero, &result, 0));
}

int main(void) {
  use("./one.so", "one");
  use("./two.so", "two");
  use("./one.so", "one");
  return 0;
}
