"""Repositories in the shapes that people write, and a newcomer's first two commands in each."""
