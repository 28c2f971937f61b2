"""Measures a finished run again: replications, ablations, and the clean branch of what it kept."""
