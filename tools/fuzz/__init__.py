"""Bad inputs of every kind, from a seed, and what becomes of them: see `tools/fuzz_inputs.py`."""
