"""The renderer in plain torch operations: the reference, and any device."""
