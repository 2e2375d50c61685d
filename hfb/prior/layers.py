"""The networks that both motion priors are made of."""

from __future__ import annotations

from torch import nn


def perceptron(
    num_inputs: int, num_outputs: int, width: int, num_layers: int, dropout: float
) -> nn.Sequential:
    """A perceptron that starts near "nothing is known, keep what there is".

    Args:
        num_inputs: of a sample.
        num_outputs: of a sample.
        width: hidden units of a layer.
        num_layers: hidden layers.
        dropout: share of hidden units silenced in training.
    """
    layers: list[nn.Module] = []
    for size in [num_inputs] + [width] * (num_layers - 1):
        layers += [nn.Linear(size, width), nn.GELU(), nn.Dropout(dropout)]
    last = nn.Linear(width, num_outputs)
    nn.init.normal_(last.weight, std=0.1 / width**0.5)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)
