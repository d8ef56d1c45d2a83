"""The native engine: small periodic glasses of closed forms, pairs and screened angles, compiled for one core."""
