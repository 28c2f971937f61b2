#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "matmul.h"

#define N 192
#define REPEATS 7

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(void)
{
    float *a = malloc(N * N * sizeof *a), *b = malloc(N * N * sizeof *b), *c = malloc(N * N * sizeof *c);
    double best = 1e9;
    srand(1);
    for (int i = 0; i < N * N; i++) {
        a[i] = rand() / (float)RAND_MAX;
        b[i] = rand() / (float)RAND_MAX;
    }
    for (int r = 0; r < REPEATS; r++) {
        memset(c, 0, N * N * sizeof *c);
        double start = now();
        matmul(N, a, b, c);
        double took = now() - start;
        if (took < best)
            best = took;
    }
    for (int i = 0; i < N; i += 31) {
        double want = 0;
        for (int k = 0; k < N; k++)
            want += a[i * N + k] * b[k * N + i];
        if (fabs(want - c[i * N + i]) > 1e-2) {
            fprintf(stderr, "wrong result at %d\n", i);
            return 1;
        }
    }
    printf("best time: %.4f ms\n", best * 1e3);
    printf("%.3f GFLOP/s\n", 2.0 * N * N * N / best / 1e9);
    return 0;
}
