"""Git as the harness uses it: plumbing, the folder .autoresearch, locks, checks of a repository."""
