// How long points of the plane stay near zero when they are squared again and again.
#include <stdint.h>
#include <stdio.h>

#define SIZE 560
#define LIMIT 120

static int stays(double cr, double ci) {
    double r = 0, i = 0;
    int count = 0;
    while (count < LIMIT) {
        double rr = r * r, ii = i * i;
        if (rr + ii > 4) break;
        i = 2 * r * i + ci;
        r = rr - ii + cr;
        count++;
    }
    return count;
}

int main(void) {
    uint64_t sum = 0;
    for (int frame = 0; frame < 6; frame++)
        for (int y = 0; y < SIZE; y++)
            for (int x = 0; x < SIZE; x++)
                sum = sum * 3 + (uint64_t)stays(x * (2.5 + frame * 0.1) / SIZE - 2, y * 2.4 / SIZE - 1.2);
    printf("mandelbrot %016llx\n", (unsigned long long)sum);
    return 0;
}
