"""The scenes of `benchmarks/bench_baselines.py` serve the tests, too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
