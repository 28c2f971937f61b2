"""Compiles kernel.c; a trial is this and what evaluate.py makes of it."""

import subprocess

subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", "kernel", "kernel.c"], check=True)
