// An interpreter of a small stack language. Its library is a tree of files: `use NAME` runs NAME.words from the first folder of the
// search path that has it, once.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const path[] = {"/usr/lib/site", "/usr/lib/core"};
static long stack[64];
static int depth;
static char used[512][32];
static int n_used;

static void run(FILE *file);

static void use(const char *name) {
  for (int i = 0; i < n_used; i++)
    if (strcmp(used[i], name) == 0) return;
  strcpy(used[n_used++], name);
  for (int i = 0; i < 2; i++) {
    char full[128];
    struct stat info;
    snprintf(full, sizeof full, "%s/%s.words", path[i], name);
    if (stat(full, &info) || !S_ISREG(info.st_mode)) continue;
    FILE *file = fopen(full, "r");
    if (!file) exit(3);
    run(file);
    fclose(file);
    return;
  }
  printf("nobody knows %s\n", name);
  exit(4);
}

static void count(void) {
  int n = 0;
  DIR *folder = opendir(path[1]);
  if (!folder) exit(5);
  for (struct dirent *entry; (entry = readdir(folder));) n += strstr(entry->d_name, ".words") != 0;
  closedir(folder);
  stack[depth++] = n;
}

static void run(FILE *file) {
  char word[32];
  while (fscanf(file, "%31s", word) == 1) {
    if (strcmp(word, "use") == 0) {
      if (fscanf(file, "%31s", word) != 1) exit(6);
      use(word);
    } else if (strcmp(word, "+") == 0) {
      depth--, stack[depth - 1] += stack[depth];
    } else if (strcmp(word, "print") == 0) {
      printf("%ld\n", stack[--depth]);
    } else if (strcmp(word, "count") == 0) {
      count();
    } else {
      stack[depth++] = atol(word);
    }
  }
}

int main(void) {
  FILE *out = fopen("/usr/lib/core/new.words", "w");
  if (out) return 2;
  run(stdin);
  return 0;
}
