"""The native engine: small periodic glasses of pair potentials, compiled for the vector unit of one core."""
