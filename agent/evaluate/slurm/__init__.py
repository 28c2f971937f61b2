"""Slurm: one allocation in which a Ray cluster runs, from the queue to its end."""
