"""A contest: search methods on tasks under seeds, every trial in one file, and the statistics that compare them fairly.

This is what the command `autoresearch bench` runs. agent/evaluate/bench.py is another thing: where a trial of a run is trained.
"""
