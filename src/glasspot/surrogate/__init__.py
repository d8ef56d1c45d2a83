"""Cheap models of what the MD of a glass gives, trained on the runs that were made."""
