"""One visible training loop, and what it needs: plan, optimiser, checkpoint, progress."""
