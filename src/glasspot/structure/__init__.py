"""What a glass looks like: frames, pair distribution functions, scattering, topology.."""
