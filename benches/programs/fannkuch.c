// Most turns of prefixes that a permutation needs until its first number is zero.
#include <stdio.h>

#define N 10

static int turns(const int *order) {
    int work[N], count = 0;
    for (int i = 0; i < N; i++) work[i] = order[i];
    for (int first; (first = work[0]) != 0; count++)
        for (int low = 0, high = first; low < high; low++, high--) {
            int swap = work[low];
            work[low] = work[high];
            work[high] = swap;
        }
    return count;
}

int main(void) {
    int order[N], left[N], most = 0, sign = 1;
    long sum = 0;
    for (int i = 0; i < N; i++) order[i] = left[i] = i;
    for (int depth = 1;;) {
        int count = turns(order);
        if (count > most) most = count;
        sum += sign * count;
        sign = -sign;
        // The next permutation: turn the shortest prefix that has turns left.
        for (depth = 1; depth < N && left[depth] == 0; depth++) left[depth] = depth;
        if (depth == N) break;
        left[depth]--;
        int first = 0;
        // Swap by Heap's rule, so that neighbors differ by one exchange.
        if (depth & 1) first = depth - left[depth] - 1;
        int swap = order[first];
        order[first] = order[depth];
        order[depth] = swap;
    }
    printf("fannkuch %d %ld\n", most, sum);
    return 0;
}
