/* Variables that the compiler leaves on Wasm's operand stack, for tests/debug. */
int seen;

__attribute__((noinline)) int twice(int x) {
  seen += x;
  return x * 2;
}

int run(int argument) {
  int doubled = twice(argument);
  int sum = doubled + seen;
  int last = twice(sum);
  return last + 1;
}
