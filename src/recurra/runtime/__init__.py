"""Networks in use: layers on NumPy arrays, one file a task. No torch.

The second, small implementation of each network that is trained: one that people can read and
port. All products go through `recurra.native`, whose sums are added in a fixed order: a row has
the same bits alone, padded, in a batch, step by step or whole, on any number of threads.
"""
