"""Scores by the project's own evaluator: a sandbox of its own, and a relay to the candidate's."""
