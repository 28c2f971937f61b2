"""Scores a training: its weights, or the summary that it printed."""
