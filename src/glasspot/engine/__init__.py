"""Engines that run a protocol with a potential and hand out frames as they go; all share one signature."""
