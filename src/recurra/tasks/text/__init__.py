"""Text: a network that reads characters and says which comes next."""
