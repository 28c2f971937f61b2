"""Language models: one question, one answer; a file a provider, one retry layer for all."""
