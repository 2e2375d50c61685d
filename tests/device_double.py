"""A device that is none: CPU tensors that are marked and refuse to meet those that are not.

Which tensors lie on the device is noted by their storage; `x.device` says so, moving and making
tensors there marks them, and every operation is looked at before it runs on the CPU as ever. Where
CUDA would refuse, so does the double, or it notes the place and goes on, which shows all of them in
one run. It also notes where a program waits for the device.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

REPO = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
GETTERS = {
    torch.Tensor.device.__get__: lambda device: device,
    torch.Tensor.is_cuda.__get__: lambda device: device.type == "cuda",
    torch.Tensor.is_cpu.__get__: lambda device: device.type == "cpu",
    torch.Tensor.get_device: lambda device: -1 if device.index is None else device.index,
}
TO_HOST = {Tensor.numpy: "numpy", Tensor.__array__: "numpy", Tensor.__dlpack__: "dlpack"}
SYNC_METHODS = {Tensor.tolist}
# These take CPU numbers of no dimension from everywhere in torch, but not here.
STRICT = ("cat", "stack", "mm", "bmm", "addmm", "baddbmm", "index_add", "scatter", "gather")
STRICT += ("index_select", "searchsorted", "index_copy", "scatter_reduce", "scatter_add")
SYNCS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "equal")
SYNCS += ("repeat_interleave", "bincount", "unique_consecutive", "is_nonzero")
# Of all doubles: tables that a program remembers outlive the one that they were made on.
_MARKS: dict[int, tuple[StorageWeakRef, torch.device]] = {}


class DeviceMixingError(RuntimeError):
    """What CUDA refuses."""


@dataclass(frozen=True)
class Finding:
    """One place.

    Attributes:
        place: file and line of ours that led there.
        what: the operation and its devices.
    """

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


class DeviceDouble:
    """Stands for a CUDA device inside a `with`.

    Args:
        goes_on: note mixed devices instead of raising.
        root: of the code whose lines are named.
    """

    def __init__(self, goes_on: bool = False, root: Path = REPO) -> None:
        self.goes_on = goes_on
        self.root = root
        self.mixed: dict[Finding, int] = {}
        self.syncs: dict[Finding, int] = {}
        self.moves: dict[Finding, int] = {}
        self._names, self._rules = _Names(self), _Rules(self)
        self.ambient: torch.device | None = None
        self.is_counting = True

    def __enter__(self) -> DeviceDouble:
        self._rules.__enter__()
        self._names.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._names.__exit__(*error)
        self._rules.__exit__(*error)

    def device_of(self, tensor: Tensor) -> torch.device:
        """Where a tensor is said to lie."""
        storage = tensor.untyped_storage()
        entry = _MARKS.get(storage._cdata)
        return CPU if entry is None or entry[0].expired() else entry[1]

    def mark(self, tensor: Tensor, device: torch.device) -> Tensor:
        """Say where a tensor lies."""
        storage = tensor.untyped_storage()
        if device.type == "cpu":
            _MARKS.pop(storage._cdata, None)
            return tensor
        if len(_MARKS) > 20_000:
            for key in [key for key, entry in _MARKS.items() if entry[0].expired()]:
                del _MARKS[key]
        _MARKS[storage._cdata] = (StorageWeakRef(storage), device)
        return tensor

    def refuse(self, what: str) -> None:
        """Raise or note."""
        finding = Finding(self.place(), what)
        self.mixed[finding] = self.mixed.get(finding, 0) + 1
        if not self.goes_on:
            raise DeviceMixingError(f"Expected all tensors to be on the same device: {finding}")

    def note(self, notes: dict[Finding, int], what: str) -> None:
        """Count what is allowed, but takes time on a device."""
        if self.is_counting:
            finding = Finding(self.place(), what)
            notes[finding] = notes.get(finding, 0) + 1

    def place(self) -> str:
        """The innermost line of ours that is not a test's."""
        frame, own = sys._getframe(1), []
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(self.root) and path.name != Path(__file__).name:
                own.append(f"{path.relative_to(self.root)}:{frame.f_lineno}")
            frame = frame.f_back  # type: ignore[assignment]
        return next((p for p in own if not p.startswith("tests")), own[0] if own else "?")


class _Names(TorchFunctionMode):
    """What tensors say of themselves, and what moves or makes them."""

    def __init__(self, double: DeviceDouble) -> None:
        self.double = double

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        double, kwargs = self.double, dict(kwargs or {})
        if func in GETTERS:
            return GETTERS[func](double.device_of(args[0]))
        if func is Tensor.backward:  # runs code of ours, which is lied to as well
            with self, _ambient(double, double.device_of(args[0])):
                return torch.autograd.backward(args[0], kwargs.pop("gradient", None), **kwargs)
        if func in TO_HOST and double.device_of(args[0]).type != "cpu":
            double.refuse(f"{TO_HOST[func]} of a tensor on {double.device_of(args[0])}")
        if func in SYNC_METHODS and double.device_of(args[0]).type != "cpu":
            double.note(double.syncs, func.__name__)
        if func in (Tensor.to, Tensor.cpu, Tensor.cuda):
            return self._move(func, args, kwargs)
        target = kwargs.get("device")
        if target is not None:
            target = _with_index(torch.device(target))
            kwargs["device"] = CPU
        own = [double.device_of(x) for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        own = [device for device in own if device.type != "cpu"]
        if target is None and own and func is not torch.from_numpy:
            target = own[0] if func in (Tensor.new_tensor, Tensor.__deepcopy__) else None
        with _ambient(double, own[0] if own else None):
            result = func(*args, **kwargs)
        if target is not None:
            tree_map_only(Tensor, lambda x: double.mark(x, target), result)
        return result

    def _move(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        double, source = self.double, args[0]
        target, rest = None, []
        if func is not Tensor.to:
            target = CPU if func is Tensor.cpu else torch.device("cuda", 0)
        for value in args[1:] if func is Tensor.to else ():
            if isinstance(value, Tensor):
                target = double.device_of(value)
                rest.append(value.dtype)
            elif isinstance(value, torch.device | str):
                target = torch.device(value)
            elif value is not None:
                rest.append(value)
        if kwargs.get("device") is not None:
            target = torch.device(kwargs["device"])
        kwargs = {k: v for k, v in kwargs.items() if k in ("dtype", "memory_format")}
        before = double.device_of(source)
        if not any(isinstance(value, torch.dtype) for value in rest):
            rest = []  # whether to wait, or to copy in any case
        result = Tensor.to(source, *rest, **kwargs) if rest or kwargs else source
        target = before if target is None else _with_index(target)
        if target == before:
            return result
        double.note(double.syncs if target.type == "cpu" else double.moves, f"{before} to {target}")
        return _Move.apply(result, double, before, target)


class _Move(torch.autograd.Function):
    """A copy on another device; its gradient goes the other way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, double: DeviceDouble, before: Any, target: Any) -> Tensor:
        ctx.way = (double, before)
        return double.mark(x.detach().clone(), target)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        double, before = ctx.way
        return double.mark(grad.clone(), before), None, None, None


class _Rules(TorchDispatchMode):
    """Which operations may have which tensors."""

    def __init__(self, double: DeviceDouble) -> None:
        super().__init__()
        self.double = double

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        double, kwargs = self.double, kwargs or {}
        name = func._schema.name.removeprefix("aten::").rstrip("_")
        inputs = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        known = {x.untyped_storage()._cdata for x in inputs}
        devices = [double.device_of(x) for x in inputs]
        own = next((device for device in devices if device.type != "cpu"), double.ambient)
        if inputs and all(device.type == "cpu" for device in devices):
            own = None
        if name != "copy" and any(device != own for device in devices) and own is not None:
            self._look(name, args, inputs, own)
        if own is not None and inputs:
            self._note_syncs(name, args)
        result = func(*args, **kwargs)
        for x in tree_leaves(result):
            if isinstance(x, Tensor) and x.untyped_storage()._cdata not in known:
                double.mark(x, own or CPU)
        return result

    def _look(self, name: str, args: Any, inputs: list[Tensor], own: torch.device) -> None:
        double = self.double
        if name.startswith(("index_put", "_index_put_impl", "index")) and isinstance(
            args[1] if len(args) > 1 else None, list | tuple
        ):
            # Indices may lie on the CPU, but what they look into must be where they are.
            values = [args[0], *(x for x in args[2:3] if isinstance(x, Tensor) and x.ndim)]
            strangers = [x for x in values if double.device_of(x) != own]
        else:
            is_strict = name in STRICT
            strangers = [x for x in inputs if double.device_of(x) != own and (is_strict or x.ndim)]
        if strangers:
            others = ", ".join(f"{double.device_of(x)} {tuple(x.shape)}" for x in strangers)
            double.refuse(f"{name} mixes {own} with {others}")

    def _note_syncs(self, name: str, args: Any) -> None:
        looks_by_mask = name in ("index", "index_put", "_index_put_impl") and any(
            isinstance(x, Tensor) and x.dtype == torch.bool for x in args[1]
        )
        if looks_by_mask or name in SYNCS:
            self.double.note(self.double.syncs, name)


@contextmanager
def _ambient(double: DeviceDouble, device: torch.device | None) -> Iterator[None]:
    """What torch itself makes inside of a call lies where the call's tensors lie."""
    before, double.ambient = double.ambient, None if device == CPU else device
    try:
        yield
    finally:
        double.ambient = before


def _with_index(device: torch.device) -> torch.device:
    return torch.device("cuda", 0) if str(device) == "cuda" else device


class DoubleAccelerator(CPUAccelerator):
    """Takes the double for a device of its own."""

    def setup_device(self, device: torch.device) -> None:
        """Nothing has to be set up."""


class DoubleTrainer(pl.Trainer):
    """A trainer that runs where it was told to, on the double."""

    def __init__(self, accelerator: Any = "cpu", devices: Any = 1, **options: Any) -> None:
        if accelerator in ("gpu", "cuda"):
            index = devices[0] if isinstance(devices, list) else 0  # Lightning's first of one
            options["strategy"] = SingleDeviceStrategy(torch.device("cuda", index))
            accelerator, devices = DoubleAccelerator(), 1
        super().__init__(accelerator=accelerator, devices=devices, **options)
