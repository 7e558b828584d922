"""Turns a picture into a sentence: strips that are read, scenes that are described."""
