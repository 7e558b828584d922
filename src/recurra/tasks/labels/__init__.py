"""The labels task: a model reads a sequence and says which class it is, or a tag at each step."""
