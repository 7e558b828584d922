"""The recurrence in torch: states, ragged batches, cells, scans, layers."""
