"""Attacks on a sandbox: one function each, run inside it. sandbox/proof/hostile.py stages them and judges what came of them."""
