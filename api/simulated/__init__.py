"""The simulated shop as a producer, and whether ranges hold in simulated worlds of known truth."""
