"""What a model is shown of a run: prompts, tables, digests and signals."""
