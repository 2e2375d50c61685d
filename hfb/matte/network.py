"""Mattes by a trained network that the user has: Background Matting V2, the paper's, and its like.

The interface is the one that Background Matting V2 publishes for its TorchScript and ONNX files:
(src, bgr) -> (pha, fgr, ...), batches of RGB in [0, 1] whose sides are multiples of 4.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.errors import InputError
from hfb.files.images import existing_file
from hfb.matte.method import Matting

_MULTIPLE = 4
_PROBE = (288, 384)
"""Height and width of the trial run: more pixels than an exported file refines, 80,000."""

_SLACK = 1e-2
"""How far outside [0, 1] a matte may be: half precision, and files without a final clamp."""

_Run = Callable[[Tensor, Tensor], Any]


class NetworkMatting(Matting):
    """The matte of a TorchScript or ONNX file.

    The file is tried when it is opened, so that a wrong one is noticed before any photo is read. A
    TorchScript file is a program: use only one whose origin you trust.

    Args:
        path: the file; ONNX where its name ends in .onnx, TorchScript otherwise.
        backbone_scale: share of the resolution at which the network looks for the person; the
            file's own if None. TorchScript only.
    """

    def __init__(self, path: str, backbone_scale: float | None = None) -> None:
        self.path = existing_file(path, "matting network")
        if self.path.suffix == ".onnx":
            if backbone_scale is not None:
                raise InputError(
                    f"matting.backbone_scale: {path} is ONNX, whose scale is fixed: leave it out"
                )
            self._run = _open_onnx(self.path)
        else:
            self._run = _open_torchscript(self.path, backbone_scale)
        probe = torch.full((3, *_PROBE), 0.5)
        self(probe, probe)

    @torch.no_grad()
    def __call__(
        self,
        blurry: Float[Tensor, "3 H W"],
        background: Float[Tensor, "3 H W"],
        hint: Bool[Tensor, "H W"] | None = None,
    ) -> Float[Tensor, "1 H W"]:
        """Run the network; the hint is not for it.

        Raises:
            InputError: if the file's network has another interface or fails.
        """
        height, width = blurry.shape[-2:]
        beyond = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
        images = [
            torch.nn.functional.pad(image[None].cpu().float(), beyond, mode="replicate")
            for image in (blurry, background)
        ]
        try:
            found = self._run(*images)
        except Exception as error:  # whatever a foreign program raises
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise self._refusal(f"it fails: {(lines or [type(error).__name__])[-1]}") from error
        alpha = self._checked(found, tuple(images[0].shape[-2:]))
        return alpha[0, :, :height, :width].clamp(0.0, 1.0).to(blurry)

    def _checked(self, found: Any, size: tuple[int, ...]) -> Float[Tensor, "1 1 H W"]:
        """The matte among what the network gave."""
        alpha = found[0] if isinstance(found, tuple | list) and found else found
        if not isinstance(alpha, Tensor):
            raise self._refusal(f"its first output is a {type(alpha).__name__}")
        if tuple(alpha.shape) != (1, 1, *size):
            shape, expected = tuple(alpha.shape), (1, 1, *size)
            raise self._refusal(f"its first output has the shape {shape}, expected {expected}")
        alpha = alpha.float()
        low, high = float(alpha.min()), float(alpha.max())
        if not (-_SLACK <= low and high <= 1.0 + _SLACK):
            raise self._refusal(f"its first output runs from {low:g} to {high:g}, not in [0, 1]")
        return alpha

    def _refusal(self, reason: str) -> InputError:
        return InputError(
            f"{self.path} is no matting network (src, bgr) -> (pha, fgr, ...) like Background "
            f"Matting V2's: {reason}"
        )


def _open_torchscript(path: Path, backbone_scale: float | None) -> _Run:
    if not _is_torchscript(path):
        raise InputError(
            f"{path} is no TorchScript file: weights alone do not say what to compute with them "
            "(Background Matting V2 offers both; give its torchscript_* or onnx_* file)"
        )
    try:
        with warnings.catch_warnings():
            # torch has announced a successor; published files are TorchScript all the same.
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(path), map_location="cpu").float().eval()
    except Exception as error:  # torch raises its own kinds for damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"the matting network {path} cannot be opened: {reason}") from error
    if backbone_scale is not None:
        if not hasattr(module, "backbone_scale"):
            raise InputError(f"matting.backbone_scale: the network {path} has no such setting")
        module.backbone_scale = backbone_scale
    most = getattr(module, "refine_sample_pixels", None)

    def run(src: Tensor, bgr: Tensor) -> Any:
        if isinstance(most, int):
            # It picks the worst of so many pixels, and fails where there are fewer.
            module.refine_sample_pixels = min(most, src.shape[-2] * src.shape[-1])
        return module(src, bgr)

    return run


def _is_torchscript(path: Path) -> bool:
    """Whether an archive holds code beside its weights."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def _open_onnx(path: Path) -> _Run:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            f"{path} is ONNX, which needs a package: pip install '.[matting]'; a TorchScript file "
            "of the same network needs none"
        ) from error
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has exceptions of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"the matting network {path} cannot be opened: {reason}") from error
    inputs = [one.name for one in session.get_inputs()]
    outputs = [one.name for one in session.get_outputs()]
    if inputs != ["src", "bgr"] or "pha" not in outputs:
        raise InputError(
            f"{path} is no matting network (src, bgr) -> (pha, fgr, ...) like Background Matting "
            f"V2's: it maps {', '.join(inputs)} to {', '.join(outputs)}"
        )

    def run(src: Tensor, bgr: Tensor) -> Any:
        (alpha,) = session.run(["pha"], {"src": src.numpy(), "bgr": bgr.numpy()})
        return torch.from_numpy(alpha)

    return run
