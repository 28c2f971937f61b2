"""Holds a running process tree to its limits: time, memory, processes, disk, GPU memory."""
