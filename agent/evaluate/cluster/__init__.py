"""Trials on the nodes of a cluster: files by content hash, places that prove themselves, Ray."""
