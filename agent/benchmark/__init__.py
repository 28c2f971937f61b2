"""Benchmarks of search methods: tasks, runs, one file of results, and the statistics.

The command `autoresearch bench` runs one. The trials of a research run are trained by
agent/evaluate/bench.py, which is something else.
"""
