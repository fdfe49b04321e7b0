/* Several instances, each with a heap of its own. */
#include "objects.h"
#include <stdio.h>

int main(void) {
  for (int round = 0; round < 2; round++) {
    objects_instance *all[4];
    for (int n = 0; n < 4; n++) all[n] = objects_new(0);
    for (int i = 0; i < 400000; i++) objects_push(all[i & 3], i);
    for (int n = 0; n < 4; n++) {
      objects_instance *it = all[n];
      printf("%lld %d\n", (long long)objects_sum(it), objects_value(it, objects_head(it)));
      objects_free(it);
    }
  }
  return 0;
}
