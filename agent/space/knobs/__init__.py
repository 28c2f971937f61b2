"""What names of constants mean in machine learning: what is fixed, and the kinds of knobs."""
