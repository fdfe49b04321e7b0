/* Everything that a host can see of values.wat. C11 and C++17. */
#include "values.h"
#include "values.h"
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif
void host_log(int32_t value);
double host_mix(int64_t a, float b, double c);
#ifdef __cplusplus
}
#endif

void host_log(int32_t value) { printf("log %d\n", (int)value); }
double host_mix(int64_t a, float b, double c) { return (double)a + (double)b + c; }

int main(void) {
  struct values_divmod_result divmod;
  struct values_all_result all;
  struct values_words_result words;
  union { w2n_v128 vector; int32_t lanes[4]; } v;
  int marker = 0;
  printf("add before init %d\n", (int)values_add(2, 3));
  printf("init %d %d\n", values_init(), values_init());
  printf("memory %.5s %zu\n", (char *)values_memory() + 16, values_memory_size());
  printf("mixed %.2f\n", values_mixed(-1, INT64_C(1) << 40, 0.5f, 0.25));
  values_divmod(&divmod, 17, 5);
  printf("divmod %d %d\n", (int)divmod.r0, (int)divmod.r1);
  values_all(&all, -3);
  memcpy(v.lanes, &all.r4, 16);
  printf("all %d %lld %.1f %.1f %d\n", (int)all.r0, (long long)all.r1, (double)all.r2, all.r3, (int)v.lanes[3]);
  v.vector = values_splat(6);
  v.lanes[1] = 10;
  printf("vectors %d\n", (int)values_lane_sum(v.vector));
  printf("count %d", (int)values_count());
  printf(" %d\n", (int)values_counter);
  values_counter = 100;
  printf("count %d\n", (int)values_count());
  printf("constants %lld %.1f\n", (long long)values_limit, values_half);
  values_origin = 2.5f;
  printf("origin %.1f\n", (double)values_origin_now());
  v.vector = values_lanes;
  v.lanes[0] = 50;
  values_lanes = v.vector;
  printf("lanes %d\n", (int)values_lane_sum(values_lanes_now()));
  printf("null %d\n", values_kept() == 0);
  values_keep(&marker);
  printf("kept %d\n", values_kept() == &marker);
  printf("apply %d %d\n", (int)values_apply(values_pick(1), 21), (int)values_apply(values_pick(0), 21));
  printf("ask %.2f\n", values_ask());
  printf("grow %d\n", (int)values_grow(1));
  printf("size %zu\n", values_memory_size());
  printf("names %d %d %d %d %d %d\n", (int)values_export_init(), (int)values_strange_x20name_x21(), (int)values_(),
         (int)values__x2a_x2f_x20int_x20x_x3b_x20_x2f_x2a_x0a(), (int)values__xc3_xa9_xe2_x80_xae(), (int)values_9());
  values_words(&words, 1, 2, 3, 4, 5, 6, 7, 8);
  printf("words %d %d\n", (int)words.r0, (int)words.r1);
  printf("eight %lld\n", (long long)values_eight(1, 2, 3, 4, 5, 6, -7, 8, 9.0f));
  return 0;
}
