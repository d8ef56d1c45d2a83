"""The live page of a run: its report while it grows, served to a browser; reads the store, and writes nothing."""
