"""Tests of the project's own evaluator."""
