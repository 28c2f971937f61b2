"""Compiles kernel.c, checks its results against NumPy, and prints the median time of a call."""

import ctypes
import statistics
import subprocess
import sys
import time

import numpy as np

SIZE = 250  # no multiple of a block: the edges are tried, too
REPEATS = 15
COMPILE = ["cc", "-O2", "-shared", "-fPIC", "-o", "kernel.so", "kernel.c"]


def main() -> None:
    subprocess.run(COMPILE, check=True)
    multiply = ctypes.CDLL("./kernel.so").multiply
    rng = np.random.default_rng()
    left, right = rng.standard_normal((2, SIZE, SIZE), dtype=np.float32)
    times = []
    for _ in range(REPEATS):
        out = np.zeros((SIZE, SIZE), dtype=np.float32)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (left, right, out)]
        began = time.perf_counter()
        multiply(SIZE, *pointers)
        times.append(1000 * (time.perf_counter() - began))
        if not np.allclose(out, left @ right, atol=1e-3):
            sys.exit("wrong result")
    print(f"time_ms: {statistics.median(times):.4f}")


if __name__ == "__main__":
    main()
