"""Decides: proposes edits, commits attempts, judges results, shows them."""
