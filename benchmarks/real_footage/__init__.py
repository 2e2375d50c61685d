"""Real clips with landmarks of their sharp frames for a truth: what `bench_real.py` is made of."""
