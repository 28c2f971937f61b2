"""Real clusters on loopback: Ray, and Slurm where its packages are installed."""
