"""Landmarks that a search has found, in a file: benchmarks search once and compare many starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hfb.init.detect.detector_output import DetectorOutput
from hfb.init.detect.landmarks import Landmarks


def write_landmarks(guesses: list[Landmarks], path: Path) -> None:
    """Keep guesses and their readings in one file."""
    outputs = [output for guess in guesses for output in guess.outputs]
    arrays: dict[str, Any] = {
        f"reading_{name}": np.stack([np.asarray(getattr(r, name)) for r in outputs])
        for name in DetectorOutput.__dataclass_fields__
        if name != "matte"
    }
    if all(r.matte is not None for r in outputs):
        arrays["reading_matte"] = np.stack([np.asarray(r.matte) for r in outputs])
    for name in ("xy", "world", "visibility", "score", "roi", "next_roi"):
        arrays[name] = np.stack([np.asarray(getattr(guess, name)) for guess in guesses])
    spreads = [np.zeros(33) if g.spread_px is None else g.spread_px for g in guesses]
    arrays["spread_px"] = np.stack(spreads)
    arrays["num_readings"] = np.array([len(guess.outputs) for guess in guesses])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def read_landmarks(path: Path) -> list[Landmarks]:
    """What `write_landmarks` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    outputs = [
        DetectorOutput(
            points=arrays["reading_points"][k],
            heat=arrays["reading_heat"][k],
            world=arrays["reading_world"][k],
            presence=float(arrays["reading_presence"][k]),
            roi=tuple(arrays["reading_roi"][k].tolist()),
            mask=arrays["reading_mask"][k],
            mirrored_width=int(arrays["reading_mirrored_width"][k]),
            matte=arrays["reading_matte"][k] if "reading_matte" in arrays else None,
        )
        for k in range(len(arrays["reading_roi"]))
    ]
    ends = np.cumsum(arrays["num_readings"])
    return [
        Landmarks(
            xy=arrays["xy"][k],
            world=arrays["world"][k],
            visibility=arrays["visibility"][k],
            score=float(arrays["score"][k]),
            roi=tuple(arrays["roi"][k].tolist()),
            next_roi=tuple(arrays["next_roi"][k].tolist()),
            spread_px=arrays["spread_px"][k],
            outputs=tuple(outputs[end - arrays["num_readings"][k] : end]),
        )
        for k, end in enumerate(ends)
    ]
