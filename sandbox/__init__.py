"""Runs untrusted training code: isolates it, limits it, measures it. Knows no language model and no git."""
