/* Blocked matrix multiplication: out += left * right, n by n, row-major. */

#define ROWS 8   // [4 .. 64 pow2]
#define DEPTH 16 // [8 .. 256 pow2]

static int least(int a, int b) { return a < b ? a : b; }

void multiply(int n, const float *left, const float *right, float *out)
{
    for (int row = 0; row < n; row += ROWS)
        for (int deep = 0; deep < n; deep += DEPTH)
            for (int i = row; i < least(row + ROWS, n); i++)
                for (int k = deep; k < least(deep + DEPTH, n); k++) {
                    float factor = left[i * n + k];
                    for (int j = 0; j < n; j++)
                        out[i * n + j] += factor * right[k * n + j];
                }
}
