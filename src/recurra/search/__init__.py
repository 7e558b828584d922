"""How a model writes: one way of choosing tokens, and of stepping, for every task."""
