"""The loop, and the rules of the ledger that it keeps."""
