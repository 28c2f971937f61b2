"""Decides from paired scores what a trial is worth: pure functions, and their statistics."""
