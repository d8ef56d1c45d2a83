"""From composition to the pair correlation functions g_ab(r) of a glass: data, models, scores, what to run next."""
