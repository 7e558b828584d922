"""Trainings of networks so small that recording a graph takes longer than their products."""
