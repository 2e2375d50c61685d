"""What Lightning would find out late, or say at length: devices and checkpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from hfb.checkpoint import why_unreadable
from hfb.errors import InputError
from hfb.processors import count_processors


def check_checkpoint(path: str) -> None:
    """Refuse what no training has written; it is read without running anything in it.

    Args:
        path: of `--ckpt_path`.

    Raises:
        InputError: says what is wrong with it.
    """
    if not Path(path).is_file():
        raise InputError(
            f"--ckpt_path {path}: there is no such file (looked for {Path(path).absolute()})"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen unrelated types for foreign files
        reason = why_unreadable(error)
        raise InputError(f"--ckpt_path {path} cannot be read as a checkpoint ({reason})") from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise InputError(
            f"--ckpt_path {path} is no checkpoint of a training: give a file of its checkpoints/ "
            "folder; a finished network goes to --model.checkpoint"
        )


def check_devices(devices: int | str | list[int], accelerator: Any = "cpu") -> None:
    """Raise unless there are as many processors or GPUs as are asked for.

    Args:
        devices: how many, or which; auto: Lightning's choice, -1: all GPUs.
        accelerator: cpu, gpu or another that Lightning knows.

    Raises:
        InputError: says how many there are.
    """
    is_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.cuda.is_available())
    if accelerator in ("gpu", "cuda") and not torch.cuda.device_count():
        raise InputError(
            f"trainer.accelerator {accelerator}: there is no GPU here that PyTorch can use; leave "
            "it out, or give cpu"
        )
    if devices == "auto" or not (is_cpu or accelerator in ("gpu", "cuda")):
        return
    if is_cpu and "SLURM_PROCID" in os.environ:
        return  # its tasks run already, each with a few processors of the machine
    most = count_processors() if is_cpu else torch.cuda.device_count()
    text = str(devices).strip()
    wanted = len(devices) if isinstance(devices, list) else _whole_number(text)
    if not is_cpu and (wanted is None or wanted == -1):
        return  # Lightning's ways to name GPUs
    if wanted is None or not 1 <= wanted <= most:
        there = f"{most} {'processor' if is_cpu else 'GPU'}{'s' if most != 1 else ''}"
        raise InputError(
            f"trainer.devices {devices} cannot be had: there is a process for each, and {there} "
            f"here; give 1{f' to {most}' if most > 1 else ''}, or auto"
        )


def _whole_number(text: str) -> int | None:
    digits = text[1:] if text.startswith("-") else text
    return int(text) if digits.isdecimal() and len(digits) < 10 else None
