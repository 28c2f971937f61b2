"""Tests of trials on the nodes of a cluster."""
