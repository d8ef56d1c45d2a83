"""What a simulation is compared with, and how far it is from that."""
