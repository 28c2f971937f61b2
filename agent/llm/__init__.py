"""Language models: one question, one answer; a file a provider, and one retry layer around all of them."""
