"""The records of a run: edits, proposals, results, trials, events. Frozen and validated."""
