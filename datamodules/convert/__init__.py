"""Other programs' results in our formats."""
