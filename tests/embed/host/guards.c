/* Tells which bytes of this process can be read: before and at the start of memories and tables. Arguments: the value of the
   symbol `main` in this file, then of symbols of table entries, and with a `*` of tables, which hold the address of their entries. */
#include "m.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int is_readable(const char *byte) {
  int ends[2];
  if (pipe(ends)) exit(2);
  int result = write(ends[1], byte, 1) == 1;
  close(ends[0]), close(ends[1]);
  return result;
}

static void tell(const char *name, const char *start) {
  printf("%s: %d %d %d\n", name, is_readable(start - 4096), is_readable(start - 1), is_readable(start));
}

int main(int argc, char **argv) {
  if (m_init() || m_grow() != 2) return 3;
  const char *load = (const char *)(size_t)main - strtoul(argv[1], 0, 0);
  tell("memory", m_memory());
  for (int i = 2; i < argc; i++) {
    int is_table = argv[i][0] == '*';
    const char *place = load + strtoul(argv[i] + is_table, 0, 0);
    tell(is_table ? "table" : "entries", is_table ? *(const char **)(size_t)place : place);
  }
  return 0;
}
