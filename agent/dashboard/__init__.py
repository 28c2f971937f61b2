"""Runs as pages: a self-contained HTML report, the live dashboard, Markdown, and figures."""
