"""Proves an isolation before it is trusted, by a probe that tries to get out."""
