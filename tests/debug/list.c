/* A list in linear memory, for tests/debug. */
struct node {
  const char *name;
  double weight;
  struct node *next;
  int tags[3];
};
typedef struct node node_t;
enum color { RED, GREEN = 5 };
union number { int whole; float part; };

static node_t pool[8];
static int count;
static node_t *head;

static node_t *push(const char *name, double weight) {
  node_t *fresh = &pool[count];
  fresh->name = name;
  fresh->weight = weight;
  fresh->next = head;
  for (int i = 0; i < 3; i++) {
    fresh->tags[i] = count * 10 + i;
  }
  head = fresh;
  count++;
  return fresh;
}

static int depth(const node_t *n, enum color color, union number number) {
  int d = 0;
  while (n) {
    d = d + 1;
    n = n->next;
  }
  return d + color + number.whole;
}

static long long factorial(long long n) {
  if (n < 2) {
    return 1;
  }
  long long rest = factorial(n - 1);
  return n * rest;
}

long long run(int argument) {
  float half = 0.5f;
  unsigned char byte = 200;
  union number number = {7};
  push("first", 1.5);
  push("second", half + 2);
  node_t *last = push("third", 4.25);
  int d = depth(last, GREEN, number);
  long long f = factorial(6);
  return f + d + byte + argument;
}
