"""How the warp backend's kernels are compiled and reach torch's memory."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
import warp as wp
from torch import Tensor

wp.config.quiet = True

_VECTORS = {wp.vec2: 2, wp.vec3: 3, wp.vec4: 4}
# Without fused multiply-adds: the area of a collapsed face is a·b - a·b, which one would turn from
# 0 into a rounding error of either sign. Gradients are written by hand: none are generated.
_OPTIONS = {"fuse_fp": False, "enable_backward": False}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of thread numbers, for the CPU or for CUDA when first launched there.

    Args:
        function: what one thread does; takes numbers, arrays and structures. Marked with
            `no_type_check`, or run-time type checkers would wrap what warp has to read.
    """
    wp.set_module_options(_OPTIONS, module=inspect.getmodule(function))
    return wp.kernel(function, enable_backward=False)


def inlined(function: Callable[..., Any]) -> Any:
    """A function that kernels call, marked with `no_type_check` as they are."""
    return wp.func(function)


def device_of(tensor: Tensor) -> str:
    """Warp's name of the device that a tensor lies on."""
    device = tensor.device
    return "cpu" if device.type == "cpu" else f"{device.type}:{device.index or 0}"


def array(tensor: Tensor, dtype: Any, device: str) -> Any:
    """A tensor's memory as an array of warp; nothing is copied.

    Args:
        tensor: contiguous; for an array of vectors its last axis holds their entries.
        dtype: of the array's entries.
        device: of the tensor.
    """
    shape = tuple(tensor.shape[:-1] if dtype in _VECTORS else tensor.shape)
    if tensor.numel() == 0:
        return wp.empty(shape, dtype=dtype, device=device)
    return wp.array(ptr=tensor.data_ptr(), dtype=dtype, shape=shape, device=device, copy=False)


def launch(function: Any, size: Sequence[int], inputs: Sequence[Any], device: str) -> None:
    """Run a kernel after what torch has been told to do before; nobody waits for it.

    Args:
        function: the kernel.
        size: threads along each axis.
        inputs: its arguments.
        device: where it runs.
    """
    stream = None
    if device != "cpu":
        stream = wp.stream_from_torch(torch.cuda.current_stream(device))
    wp.launch(function, dim=tuple(size), inputs=list(inputs), device=device, stream=stream)
