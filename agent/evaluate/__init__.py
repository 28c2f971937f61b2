"""Turns commits into results: slots, the bench that trains and scores in them, smoke runs."""
