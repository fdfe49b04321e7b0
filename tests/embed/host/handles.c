/* Holds objects by handles, and hands over what a library must not take. */
#include "handles.h"
#include <stdio.h>
#include <string.h>

static w2n_handle handle;
static w2n_anyref reference;
static w2n_funcref function;
static int wants_other;

w2n_anyref choose(w2n_anyref node, w2n_anyref other) { return wants_other ? other : node; }

static void get(void *data) { printf("%d\n", handles_value(handles_ref_get(handle))), (void)data; }
static void drop(void *data) { handles_ref_drop(handle), (void)data; }
static void value(void *data) { printf("%d\n", handles_value(reference)), (void)data; }
static void apply(void *data) { printf("%d\n", handles_apply(function, 21)), (void)data; }
static void chosen(void *data) { printf("%d\n", handles_chosen()), (void)data; }
static void hold(void *data) {
  for (;;) handles_ref_new(*(w2n_anyref *)data);
}
static void fill(void *data) {
  for (int i = 0;; i++) handles_push(i), (void)data;
}

static void try(const char *what, void (*function)(void *), void *data) {
  w2n_trap trap;
  int code = w2n_try(function, data, &trap);
  printf("%s: %s %s\n", what,
         code == W2N_TRAP_HANDLE ? "handle" : code == W2N_TRAP_CAST_FAILURE ? "cast" : code == W2N_TRAP_HEAP_EXHAUSTED ? "heap"
         : code == W2N_TRAP_NULL_FUNCTION_REFERENCE ? "null" : code ? "other" : "fine",
         code && code != W2N_TRAP_HEAP_EXHAUSTED ? trap.message : "");
}

/* Makes garbage for several collections. */
static void churn(void) {
  for (int i = 0; i < 3000000; i++) {
    handles_push(i);
    if (i % 1000 == 0) handles_clear();
  }
  handles_clear();
}

int main(void) {
  w2n_config config = {.size = sizeof config, .max_heap = 8 << 20};
  for (int round = 0; round < 2; round++) {
    handles_push(1), handles_push(2), handles_push(3);
    w2n_handle held = handle = handles_ref_new(handles_head());
    w2n_handle again = handles_ref_new(handles_head());
    handles_clear();
    churn();
    try("held", get, 0);
    handles_ref_drop(again);
    churn();
    try("held once", get, 0);
    try("dropped", drop, 0);
    try("get of a dropped one", get, 0);
    try("drop of a dropped one", drop, 0);
    handle = 0;
    try("null", drop, 0), try("null", get, 0);
    handle = handles_ref_new((w2n_anyref)handles_failure());
    churn();
    printf("%d\n", handles_ref_get(handle) != 0), handles_ref_drop(handle);
    handles_push(4);
    reference = handles_head(), try("a node", value, 0);
    reference = (w2n_anyref)handles_other(), try("another struct", value, 0);
    reference = 0, try("null for a node", value, 0);
    struct handles_both_result both;
    handles_both(&both), reference = both.r2, try("an i31", value, 0);
    printf("%d\n", handles_small(handles_ref_get(handles_ref_new(both.r2))));
    function = handles_ref_twice(), try("its type", apply, 0);
    function = handles_ref_nothing(), try("another type", apply, 0);
    function = 0, try("no function", apply, 0);
    wants_other = 0, try("an import", chosen, 0);
    wants_other = 1, try("an import", chosen, 0);
    reference = handles_head(), try("too many", hold, &reference);
    handle = held = handles_ref_new(0);
    printf("%d %d\n", held == 0, handles_list == handles_head());
    handles_reset();
    handles_push(5);
    handle = handles_ref_new(handles_head());
    handles_reset();
    try("void since a reset", get, 0);
  }
  config.flags = W2N_CONFIG_RESTART;
  printf("%d\n", handles_configure(&config));
  try("a limit", fill, 0);
  return 0;
}
