#ifndef MATMUL_H
#define MATMUL_H
void matmul(int n, const float *a, const float *b, float *c);
#endif
