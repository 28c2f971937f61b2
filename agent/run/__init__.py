"""The loop of a run, and the rules of the ledger that it keeps."""
