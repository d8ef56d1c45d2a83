"""From the store to figures, one self-contained HTML page, and files that LAMMPS and ASE read."""
