"""How good a model is on glasses that it has not seen: splits, errors, noise, baselines, learning curves, a race."""
