"""The plot of `bench_trust.py`: what was promised against what came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from trust_records import Fitted

from hfb.evaluate.trust.sureness import FAR_MM, expected_mm
from hfb.export import write_image

_SIZE, _MARGIN = 480, 58
_BLACK, _GREY, _LIGHT = (0, 0, 0), (120, 120, 120), (200, 200, 200)
_BLUE = (31, 90, 180)
_GROUPS = 6


def draw_reliability(path: Path, fits: Sequence[Fitted]) -> None:
    """Probabilities against shares of fits, and expected against actual errors of joints.

    Args:
        path: of the image, PNG.
        fits: that nothing was learned from.
    """
    judged = [fit.judged() for fit in fits]
    sure = np.array([own.sure for own in judged])
    good = np.array([not fit.failed for fit in fits], dtype=float)
    left = _panel(f"mean joint error below {FAR_MM:.0f} mm", "probability", "share of fits", 1.0)
    for group in np.array_split(sure.argsort(), _GROUPS):
        low, high = _wilson(good[group].sum(), len(group))
        x = float(sure[group].mean())
        cv2.line(left, _place(x, low, 1.0), _place(x, high, 1.0), _BLUE, 1, cv2.LINE_AA)
        cv2.circle(left, _place(x, float(good[group].mean()), 1.0), 4, _BLUE, -1, cv2.LINE_AA)
    names = list(fits[0].joint_error_mm)[1:]
    limit = 300.0
    right = _panel("joint errors, one curve a joint", "expected, mm", "actual, mm", limit)
    for k, name in enumerate(names):
        expected = np.array([expected_mm(own.joint_sigma_mm[name]) for own in judged])
        actual = np.array([fit.joint_error_mm[name] for fit in fits])
        groups = np.array_split(expected.argsort(), _GROUPS)
        curve = [_place(expected[g].mean(), actual[g].mean(), limit) for g in groups]
        hue = np.array([[[int(179 * k / len(names)), 200, 200]]], np.uint8)
        colour = tuple(int(v) for v in cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0])
        cv2.polylines(right, [np.array(curve)], False, colour, 1, cv2.LINE_AA)
    sheet = np.concatenate([left, right], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, torch.from_numpy(sheet).permute(2, 0, 1).float() / 255)


def _panel(title: str, below: str, beside: str, limit: float) -> np.ndarray:
    """An empty square with its diagonal and words."""
    sheet = np.full((_SIZE, _SIZE, 3), 255, np.uint8)
    for step in range(1, 5):
        value = limit * step / 5
        cv2.line(sheet, _place(value, 0, limit), _place(value, limit, limit), _LIGHT, 1)
        cv2.line(sheet, _place(0, value, limit), _place(limit, value, limit), _LIGHT, 1)
    cv2.rectangle(sheet, _place(0, 0, limit), _place(limit, limit, limit), _GREY, 1)
    cv2.line(sheet, _place(0, 0, limit), _place(limit, limit, limit), _GREY, 1, cv2.LINE_AA)
    _write(sheet, title, (_MARGIN, 34), 0.55)
    _write(sheet, below, (_SIZE // 2 - 40, _SIZE - 14), 0.48)
    _write(sheet, beside, (_MARGIN, 52), 0.42)
    for value in (0.0, limit / 2, limit):
        x, y = _place(value, 0, limit)
        _write(sheet, f"{value:g}", (x - 10, y + 18), 0.42)
        x, y = _place(0, value, limit)
        _write(sheet, f"{value:g}", (x - 34, y + 4), 0.42)
    return sheet


def _write(sheet: np.ndarray, words: str, place: tuple[int, int], size: float) -> None:
    put: Callable[..., object] = cv2.putText
    put(sheet, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, _BLACK, 1, cv2.LINE_AA)


def _place(x: float, y: float, limit: float) -> tuple[int, int]:
    inner = _SIZE - 2 * _MARGIN
    at = [min(max(v / limit, 0.0), 1.0) * inner for v in (x, y)]
    return int(_MARGIN + at[0]), int(_SIZE - _MARGIN - at[1])


def _wilson(hits: float, count: int) -> tuple[float, float]:
    """Limits that hold a share with 95 % probability."""
    z, share = 1.96, hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return float(middle - half), float(middle + half)
