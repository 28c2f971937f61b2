"""The coding agent: a language model that proposes typed edits."""
