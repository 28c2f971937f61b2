"""Language models: one question, one answer; a file for each provider, one retry layer for all."""
