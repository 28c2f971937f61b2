"""Runs as pages: one HTML file that loads nothing, its parts for the live dashboard, Markdown, and figures."""
