"""Five minutes with recurra: a demo of each task, on data that needs no download."""
