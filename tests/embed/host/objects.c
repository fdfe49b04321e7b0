/* Makes more objects than are kept, resets the library, and goes on. */
#include "objects.h"
#include <stdio.h>

int main(void) {
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 300000; i++) objects_push(i);
    printf("%lld %d\n", (long long)objects_sum(), objects_value(objects_head()));
    objects_reset();
    printf("%lld %d\n", (long long)objects_sum(), objects_head() == 0);
  }
  return 0;
}
