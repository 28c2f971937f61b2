"""Scores a training: by its weights, its printed output, or the project's evaluator."""
