"""True pictures that ship with the package: seeded, without end."""
