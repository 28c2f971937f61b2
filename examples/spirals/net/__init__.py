"""A network, its optimizer and its data."""
