"""Ab initio data sets: configurations with energies, forces and stresses."""
