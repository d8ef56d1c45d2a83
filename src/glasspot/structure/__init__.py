"""What a glass looks like: frames, pair distribution functions, scattering, topology. Plain values in, plain values out."""
