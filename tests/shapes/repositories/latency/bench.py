"""Measure the latency of our nearest-neighbour lookup."""
import statistics
import time

import numpy as np

CHUNK = 64
N_VECTORS = 4000
DIM = 32
N_QUERIES = 64
WARMUP_RUNS = 2
RUNS = 9


def search(base, queries, k=5):
    out = []
    for start in range(0, len(queries), CHUNK):
        q = queries[start:start + CHUNK]
        d = ((q[:, None, :] - base[None]) ** 2).sum(-1)
        out.append(np.argpartition(d, k, axis=1)[:, :k])
    return np.concatenate(out)


def main():
    rng = np.random.default_rng(0)
    base = rng.standard_normal((N_VECTORS, DIM), dtype=np.float32)
    queries = rng.standard_normal((N_QUERIES, DIM), dtype=np.float32)
    for _ in range(WARMUP_RUNS):
        search(base, queries)
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        search(base, queries)
        times.append((time.perf_counter() - start) * 1e3)
    print(f"{N_QUERIES} queries against {N_VECTORS} vectors")
    print(f"p50 latency: {statistics.median(times):.2f} ms")
    print(f"p90 latency: {sorted(times)[int(len(times) * 0.9)]:.2f} ms")
    print(f"throughput:  {N_QUERIES / statistics.median(times) * 1e3:,.0f} queries/s")


if __name__ == "__main__":
    main()
