"""The user's research: where its files are, its settings, its data, and what it may reach."""
