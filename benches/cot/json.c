// JSON: a text of 10 MB is made, parsed to a tree, and the tree is looked at and freed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tag { NOTHING, BOOL, INT, STRING, ARRAY, OBJECT };

struct value {
  enum tag tag;
  int64_t whole;
  char *text;
  size_t length;
  struct value **items;
  char **keys;
  size_t count, room;
};

static char *text;
static size_t length, room;

static void add(const char *piece) {
  size_t n = strlen(piece);
  if (length + n + 1 > room) text = realloc(text, room = (length + n + 1) * 2);
  memcpy(text + length, piece, n + 1);
  length += n;
}

static void add_int(int64_t n) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", (long long)n);
  add(digits);
}

static struct value *make(enum tag tag) {
  struct value *value = calloc(1, sizeof *value);
  value->tag = tag;
  return value;
}

static const char *at;

static void fail(void) {
  fprintf(stderr, "wrong JSON at %zu\n", (size_t)(at - text));
  exit(1);
}

static void skip(void) {
  while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at++;
}

static char *string(size_t *n) {
  if (*at != '"') fail();
  at++;
  const char *end = at;
  while (*end != '"') {
    if (*end == 0) fail();
    end += *end == '\\' ? 2 : 1;
  }
  char *copy = malloc(end - at + 1), *to = copy;
  for (; at < end; at++) {
    if (*at == '\\') at++;
    *to++ = *at;
  }
  *to = 0;
  *n = to - copy;
  at++;
  return copy;
}

static struct value *parse(void);

static void push(struct value *list, char *key, struct value *item) {
  if (list->count == list->room) {
    list->room = list->room ? list->room * 2 : 4;
    list->items = realloc(list->items, list->room * sizeof *list->items);
    if (list->tag == OBJECT) list->keys = realloc(list->keys, list->room * sizeof *list->keys);
  }
  if (key) list->keys[list->count] = key;
  list->items[list->count++] = item;
}

static struct value *list(enum tag tag, char end) {
  struct value *value = make(tag);
  at++;
  skip();
  if (*at == end) return at++, value;
  for (;;) {
    char *key = NULL;
    size_t n;
    skip();
    if (tag == OBJECT) {
      key = string(&n);
      skip();
      if (*at++ != ':') fail();
    }
    push(value, key, parse());
    skip();
    if (*at == end) return at++, value;
    if (*at++ != ',') fail();
  }
}

static struct value *word(const char *name, enum tag tag, int64_t whole) {
  size_t n = strlen(name);
  if (strncmp(at, name, n)) fail();
  at += n;
  struct value *value = make(tag);
  value->whole = whole;
  return value;
}

static struct value *parse(void) {
  skip();
  switch (*at) {
  case '{': return list(OBJECT, '}');
  case '[': return list(ARRAY, ']');
  case 't': return word("true", BOOL, 1);
  case 'f': return word("false", BOOL, 0);
  case 'n': return word("null", NOTHING, 0);
  case '"': {
    struct value *value = make(STRING);
    value->text = string(&value->length);
    return value;
  }
  default: {
    char *end;
    struct value *value = make(INT);
    value->whole = strtoll(at, &end, 10);
    if (end == at) fail();
    at = end;
    return value;
  }
  }
}

static struct value *get(struct value *object, const char *key) {
  for (size_t i = 0; i < object->count; i++)
    if (strcmp(object->keys[i], key) == 0) return object->items[i];
  return NULL;
}

static void release(struct value *value) {
  for (size_t i = 0; i < value->count; i++) {
    release(value->items[i]);
    if (value->keys) free(value->keys[i]);
  }
  free(value->items);
  free(value->keys);
  free(value->text);
  free(value);
}

int main(void) {
  const int64_t n_records = 100000;
  add("[");
  for (int64_t i = 0; i < n_records; i++) {
    if (i > 0) add(",");
    add("{\"id\":");
    add_int(i);
    add(",\"name\":\"record number ");
    add_int(i * 7 % 1000);
    add("\",\"tags\":[\"one\",\"two\",\"three\"],\"size\":");
    add_int(i * 31 % 65537);
    add(",\"isOpen\":true,\"owner\":null}");
  }
  add("]");
  printf("%zu\n", length);
  at = text;
  struct value *all = parse();
  int64_t sum = 0;
  for (size_t i = 0; i < all->count; i++) {
    struct value *record = all->items[i];
    sum += get(record, "id")->whole + get(record, "size")->whole;
    sum += get(record, "name")->length;
    sum += get(record, "tags")->count;
    if (get(record, "isOpen")->whole) sum += 1;
  }
  printf("%lld\n", (long long)sum);
  release(all);
  return 0;
}
