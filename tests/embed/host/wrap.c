/* Accesses whose index and offset have a sum of more than 64 bits. The host's own page lies below the memory, as near as the
   system lets it. Prints how many accesses trapped as they must, and whether any byte has changed. */
#include "wrap.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, N_FUNCTIONS = 6 };

typedef struct {
  int function;
  int64_t index;
} access;

static void perform(void *data) {
  const access *it = (const access *)data;
  switch (it->function) {
  case 0: wrap_read(it->index); break;
  case 1: wrap_read_byte(it->index); break;
  case 2: wrap_read_vector(it->index); break;
  case 3: wrap_write(it->index); break;
  case 4: wrap_write_lane(it->index); break;
  case 5: wrap_add(it->index); break;
  }
}

/* A page of the host, at most so many pages below the memory. */
static unsigned char *page_below(unsigned char *memory) {
  for (int distance = 1; distance <= 64; distance++) {
    void *place = memory - distance * PAGE;
    void *page = mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page != MAP_FAILED)
      return (unsigned char *)page;
  }
  return NULL;
}

int main(void) {
  if (wrap_init() != 0)
    return 1;
  unsigned char *host = page_below((unsigned char *)wrap_memory());
  if (host)
    memset(host, 'H', PAGE);
  int n = 0, n_trapped = 0;
  for (int function = 0; function < N_FUNCTIONS; function++)
    for (int64_t index = 0; index < 64; index++) {
      /* Whose sum is below 64 bits would be out of bounds as well. An atomic one has to be aligned. */
      access it = {function, function == 5 ? index * 8 : index};
      w2n_trap trap;
      n++;
      n_trapped += w2n_try(perform, &it, &trap) == W2N_TRAP_MEMORY_OUT_OF_BOUNDS;
    }
  int n_changed = 0;
  for (int at = 0; host && at < PAGE; at++)
    n_changed += host[at] != 'H';
  printf("%d of %d trapped, %d bytes of the host changed, sum of the memory %d\n", n_trapped, n, n_changed, (int)wrap_sum());
  return 0;
}
