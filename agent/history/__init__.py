"""The run as a branch: attempts, verdicts, what is in flight, and how commits hold records."""
