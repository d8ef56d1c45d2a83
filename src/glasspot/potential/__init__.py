"""Interatomic potentials as data: closed forms, electrostatics, the short-range wall, the library of published sets."""
