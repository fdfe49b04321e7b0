// Functions that call themselves: Fibonacci, Ackermann, Takeuchi, and queens on a board.
#include <stdio.h>

static unsigned fibonacci(unsigned n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static unsigned ackermann(unsigned m, unsigned n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

static int takeuchi(int x, int y, int z) {
    if (y >= x) return z;
    return takeuchi(takeuchi(x - 1, y, z), takeuchi(y - 1, z, x), takeuchi(z - 1, x, y));
}

static unsigned queens(unsigned all, unsigned columns, unsigned left, unsigned right) {
    unsigned count = columns == all;
    for (unsigned open = all & ~(columns | left | right); open; open &= open - 1) {
        unsigned bit = open & -open;
        count += queens(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}

int main(void) {
    unsigned sum = fibonacci(39);
    for (int i = 0; i < 10; i++) sum = sum * 7 + ackermann(2, 1200 + i) + ackermann(3, 7);
    sum = sum * 7 + (unsigned)takeuchi(22, 14, 6);
    sum = sum * 7 + queens((1 << 12) - 1, 0, 0, 0);
    printf("recursion %u\n", sum);
    return 0;
}
