"""The forecasters that a network has to beat, where they take more than a line."""
