"""The body, and a small network that is not trained."""

import pytest
import torch
from detector_outputs import SMALL

from hfb.body import SmplBody, load_body
from hfb.init.lift.network import LiftingNetwork


@pytest.fixture(scope="session")
def body() -> SmplBody:
    return load_body()


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = LiftingNetwork(SMALL).eval().requires_grad_(False)
    # Untrained it would only repeat the registered pose.
    torch.nn.init.normal_(made.leave[-1].weight, std=0.05)
    return made
