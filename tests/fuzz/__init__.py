"""Random accidents against the real command line, seeded, and what must hold afterwards: `make fuzz ROUNDS=200`."""
