// Fast Fourier transform in place, there and back.
#include <math.h>
#include <stdio.h>

#define BITS 16
#define N (1 << BITS)

struct complex {
    double re, im;
};

static struct complex data[N], roots[N / 2];

static void transform(int inverse) {
    for (unsigned i = 1, j = 0; i < N; i++) {
        unsigned bit = N >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) {
            struct complex swap = data[i];
            data[i] = data[j];
            data[j] = swap;
        }
    }
    for (int half = 1; half < N; half *= 2) {
        int stride = N / 2 / half;
        for (int start = 0; start < N; start += 2 * half)
            for (int k = 0; k < half; k++) {
                struct complex root = roots[k * stride];
                if (inverse) root.im = -root.im;
                struct complex *low = &data[start + k], *high = low + half;
                double re = high->re * root.re - high->im * root.im;
                double im = high->re * root.im + high->im * root.re;
                high->re = low->re - re;
                high->im = low->im - im;
                low->re += re;
                low->im += im;
            }
    }
}

int main(void) {
    double re = 1, im = 0, step_re = cos(2 * M_PI / N), step_im = -sin(2 * M_PI / N);
    for (int i = 0; i < N / 2; i++) {
        roots[i].re = re;
        roots[i].im = im;
        double turned = re * step_re - im * step_im;
        im = re * step_im + im * step_re;
        re = turned;
    }
    for (int i = 0; i < N; i++) data[i].re = i * 37 % 101, data[i].im = i % 13;
    for (int round = 0; round < 130; round++) {
        transform(0);
        transform(1);
        for (int i = 0; i < N; i++) data[i].re /= N, data[i].im /= N;
    }
    double sum = 0;
    for (int i = 0; i < N; i++) sum += data[i].re * (i & 3) + data[i].im;
    printf("fft %.3f\n", sum);
    return 0;
}
