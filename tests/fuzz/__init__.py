"""Random accidents against the real command line, and what must hold after: `make fuzz`."""
