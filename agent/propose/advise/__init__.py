"""Methods in which a language model proposes values of constants."""
