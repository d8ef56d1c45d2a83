"""The model of the literature as printed: pictures, an autoencoder to eight latents, a forest from fingerprints."""
