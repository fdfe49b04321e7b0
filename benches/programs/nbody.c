// Bodies that attract each other, each step by the forces of the moment.
#include <math.h>
#include <stdio.h>

#define BODIES 6

struct body {
    double x[3], v[3], mass;
};

static struct body bodies[BODIES];

static void advance(double dt) {
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double d[3], square = 0.01;
            for (int k = 0; k < 3; k++) {
                d[k] = bodies[i].x[k] - bodies[j].x[k];
                square += d[k] * d[k];
            }
            double pull = dt / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].v[k] -= d[k] * bodies[j].mass * pull;
                bodies[j].v[k] += d[k] * bodies[i].mass * pull;
            }
        }
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++) bodies[i].x[k] += dt * bodies[i].v[k];
}

static double energy(void) {
    double sum = 0;
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++) sum += 0.5 * bodies[i].mass * bodies[i].v[k] * bodies[i].v[k];
    return sum;
}

int main(void) {
    for (int i = 0; i < BODIES; i++) {
        bodies[i].mass = i == 0 ? 40 : 1.0 / (i + 1);
        for (int k = 0; k < 3; k++) {
            bodies[i].x[k] = i * (k + 1 - (i & 1) * 2.5);
            bodies[i].v[k] = (k == i % 3) * 2.0 - 0.25 * i;
        }
    }
    for (int step = 0; step < 2500000; step++) advance(0.0005);
    printf("nbody %.9f\n", energy());
    return 0;
}
