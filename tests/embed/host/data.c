/* Functions that get a pointer of the host's, and whether it is the right one. */
#include "data.h"
#include <stdio.h>

static int own, other, n_wrong, n_calls;
static void *expected;

static void check(const void *data) {
  n_calls++;
  if (data != expected) n_wrong++;
}

int32_t host_one(void *data, int32_t value) { return check(data), value + 1; }
void host_none(void *data) { check(data); }
void host_pair(void *data, struct host_pair_result *result, int32_t value) {
  check(data);
  result->r0 = value, result->r1 = 2 * (int64_t)value;
}
double host_many(void *data, int32_t a, int64_t b, int32_t c, int64_t d, int32_t e, int64_t f, int32_t g, int64_t h, float i, double j,
                 float k, double l, float m, double n, float o, double p, float q, double r) {
  check(data);
  const double all[] = {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r};
  for (int at = 0; at < 18; at++) n_wrong += all[at] != at + 1;
  return 0.5;
}
int32_t declared(int32_t value) { return 10 * value; }

static void call_all(void) {
  struct data_both_result both;
  n_wrong += data_direct(1) != 2;
  n_wrong += data_indirect(0, 2) != 3;
  n_wrong += data_indirect(1, -3) != 3;
  n_wrong += data_indirect(2, 3) != 30;
  n_wrong += data_tail(3) != 4;
  n_wrong += data_again(4) != 5;
  n_wrong += data_all() != 0.5;
  n_wrong += data_others() != 75;
  data_both(&both, 6);
  n_wrong += both.r0 != 6 || both.r1 != 12;
}

int main(void) {
  w2n_config config = {.size = sizeof config, .flags = W2N_CONFIG_RESTART};
  n_wrong += data_direct(1) != 2;
  printf("null %d\n", n_calls == 2 && n_wrong == 0);
  expected = config.user_data = &own;
  n_wrong += data_configure(&config);
  call_all();
  n_wrong += data_reset();
  call_all();
  expected = config.user_data = &other;
  n_wrong += data_configure(&config);
  call_all();
  n_wrong += n_calls != 2 + 3 * 7;
  printf("%d wrong\n", n_wrong);
  return 0;
}
