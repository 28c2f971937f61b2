"""Attacks on a sandbox: one function each, run inside it. sandbox/hostile.py stages them and judges what came of them."""
