"""Builds the walls around a run: mounts, Landlock, seccomp, and the launcher that applies them."""
