"""Attacks on a sandbox, one function each, run inside it; the stages judge what came of them."""
