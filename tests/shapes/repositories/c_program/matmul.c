#include "matmul.h"

#define BLOCK 16

static int min(int a, int b) { return a < b ? a : b; }

/* c += a * b, all of them n by n and row-major */
void matmul(int n, const float *a, const float *b, float *c)
{
    for (int jj = 0; jj < n; jj += BLOCK)
        for (int kk = 0; kk < n; kk += BLOCK)
            for (int i = 0; i < n; i++)
                for (int j = jj; j < min(jj + BLOCK, n); j++) {
                    float sum = 0;
                    for (int k = kk; k < min(kk + BLOCK, n); k++)
                        sum += a[i * n + k] * b[k * n + j];
                    c[i * n + j] += sum;
                }
}
