"""Trials in other formats: prior trials are read, runs are written for other tools."""
