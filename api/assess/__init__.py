"""The assessor: which incidents there are, and what each costs, at every tick."""
