// Sorting: by parts around a pivot, short parts by insertion; and again through a function that
// compares.
#include <stdint.h>
#include <stdio.h>

#define N 600000

static int32_t numbers[N];

static void sort(int32_t *low, int32_t *high) {
    while (high - low > 16) {
        int32_t pivot = low[(high - low) / 2], *i = low, *j = high;
        while (i <= j) {
            while (*i < pivot) i++;
            while (*j > pivot) j--;
            if (i <= j) {
                int32_t swap = *i;
                *i++ = *j;
                *j-- = swap;
            }
        }
        sort(low, j);
        low = i;
    }
    for (int32_t *i = low + 1; i <= high; i++) {
        int32_t value = *i, *j = i;
        for (; j > low && j[-1] > value; j--) *j = j[-1];
        *j = value;
    }
}

static void sift(int32_t *heap, int at, int count, int (*less)(int32_t, int32_t)) {
    int32_t value = heap[at];
    for (int child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && less(heap[child], heap[child + 1])) child++;
        if (!less(value, heap[child])) break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

static int by_low_bits(int32_t a, int32_t b) {
    return (a & 0xffff) != (b & 0xffff) ? (a & 0xffff) < (b & 0xffff) : a < b;
}

static int by_value(int32_t a, int32_t b) {
    return a < b;
}

int main(void) {
    uint32_t state = 1, sum = 0;
    int (*volatile orders[2])(int32_t, int32_t) = {by_low_bits, by_value};
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < N; i++) numbers[i] = (int32_t)(state = state * 1664525 + 1013904223);
        sort(numbers, numbers + N - 1);
        for (int i = 0; i < N; i += 7) sum = sum * 31 + (uint32_t)numbers[i];
        int count = N / 8;
        for (int i = count / 2 - 1; i >= 0; i--) sift(numbers, i, count, orders[round & 1]);
        while (count > 1) {
            int32_t last = numbers[--count];
            numbers[count] = numbers[0];
            numbers[0] = last;
            sift(numbers, 0, count, orders[round & 1]);
        }
        for (int i = 0; i < N / 8; i += 3) sum = sum * 31 + (uint32_t)numbers[i];
    }
    printf("quicksort %08x\n", sum);
    return 0;
}
