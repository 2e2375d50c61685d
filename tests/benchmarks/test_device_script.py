"""The script for machines with a GPU, where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
def test_without_a_gpu_one_line_says_so(repo: Path, tmp_path: Path) -> None:
    result = tmp_path / "device.json"
    run = subprocess.run(
        ["sh", str(repo / "benchmarks" / "device.sh"), str(result)],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "finds no CUDA device here" in run.stderr
    assert not result.exists()
