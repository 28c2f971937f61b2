"""What flows through a run: edits, proposals, results, trials, events. Frozen and checked."""
