"""The model of curves: a basis of shapes for each pair, Gaussian processes from composition to coefficients, bands."""
