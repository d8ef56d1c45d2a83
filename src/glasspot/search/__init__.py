"""Proposers of new parameter sets, all ask and tell."""
