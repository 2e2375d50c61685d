"""The body in double precision: boundaries that are met are met exactly."""

import pytest
import torch

from hfb.body import SmplBody, load_body


@pytest.fixture(scope="session")
def body64() -> SmplBody:
    return load_body(dtype=torch.float64)
