"""What is trained, in torch: one file a task. `recurra.runtime` has the same networks in use."""
