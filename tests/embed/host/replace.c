/* A host that answers for random_get itself; FUNCTION is what its function is called. */
#include "replace.h"
#include <stdio.h>
#include <string.h>

int32_t FUNCTION(uint32_t buffer, uint32_t length) {
  memset((char *)replace_memory() + buffer, 42, length);
  return 0;
}

int main(void) {
  printf("%x\n", (unsigned)replace_number());
  fflush(stdout);
  replace_print();
  return 0;
}
