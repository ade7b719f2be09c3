"""What all of HTTP shares: who asks, bodies, errors, the shapes of answers."""
