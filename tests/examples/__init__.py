"""The projects of examples/."""
