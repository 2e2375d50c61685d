"""Adult shapes: sampling MakeHuman's parameters, and the ten components that describe them."""

from __future__ import annotations

import numpy as np
import torch

from free_body.skeleton import FLIP, Array, Indices
from free_body.source import NDFloat, Source

# Spread of MakeHuman's local shape targets (its sliders run from -1 to 1).
_LOCAL_SIGMA = 0.2
_LOCAL_TARGETS = (
    "measure-", "torso-", "hip-", "stomach-t", "stomach-p", "buttocks", "upperleg", "lowerleg",
    "l-upperleg", "l-lowerleg", "l-upperarm", "l-lowerarm", "r-upper", "r-lower", "neck-scale",
    "head-scale", "l-hand-scale", "r-hand-scale", "l-foot-scale-i", "r-foot-scale-i",
)  # fmt: skip
_UNUSUAL_TARGETS = ("trans-out", "trans-forward", "pregnant", "bulge")
# Mean and standard deviation of stature, m.
_MEN = (1.76, 0.07)
_WOMEN = (1.635, 0.065)
_HEIGHT_BISECTIONS = 9
NUM_COMPONENTS = 10


def sample_population(source: Source, num: int, seed: int) -> tuple[NDFloat, np.ndarray, NDFloat]:
    """Draw adults at random.

    MakeHuman's height slider is far wider than people are, so it is solved for a stature drawn from
    adults' distributions.

    Args:
        source: the raw body.
        num: how many.
        seed: of the random numbers.

    Returns:
        Coefficients (num, K) of the shape targets, whether each is a man (num,), statures (num,) m.
    """
    rng = np.random.default_rng(seed)
    is_man = rng.random(num) < 0.5
    phenotype = _sample_phenotypes(rng, is_man)
    local = torch.as_tensor(_sample_local_changes(source.model.local_change_labels, num, rng))
    target = np.where(
        is_man,
        _MEN[0] + _MEN[1] * rng.normal(size=num),
        _WOMEN[0] + _WOMEN[1] * rng.normal(size=num),
    )

    def coefficients(height: Array) -> Array:
        values = {**phenotype, "height": height}
        order = source.model.phenotype_labels
        table = torch.stack([torch.as_tensor(values[k], dtype=torch.float64) for k in order], 1)
        none = torch.zeros(num, 0, dtype=torch.float64)
        return source.model._get_phenotype_blendshape_coefficients(table, local, none).numpy()

    low, high = np.zeros(num), np.ones(num)
    for _ in range(_HEIGHT_BISECTIONS):
        middle = (low + high) / 2
        too_small = stature(source, coefficients(middle)) < target
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    found = coefficients((low + high) / 2)
    return found.astype(np.float32), is_man, stature(source, found)


def _sample_phenotypes(rng: np.random.Generator, is_man: np.ndarray) -> dict[str, Array]:
    num = len(is_man)

    def clipped(mean: float, sigma: float) -> Array:
        return np.clip(rng.normal(mean, sigma, num), 0.0, 1.0)

    man = np.clip(np.abs(rng.normal(0, 0.18, num)), 0, 0.6)  # the slider: 0 man, 1 woman
    woman = np.clip(1 - np.abs(rng.normal(0, 0.18, num)), 0.4, 1)
    return {
        "gender": np.where(is_man, man, woman),
        "age": rng.uniform(0.62, 0.95, num),  # adults only
        "muscle": clipped(0.5, 0.17),
        "weight": clipped(0.5, 0.19),
        "proportions": clipped(0.6, 0.2),
        "cupsize": clipped(0.45, 0.2),
        "firmness": clipped(0.6, 0.15),
        "african": rng.random(num),
        "asian": rng.random(num),
        "caucasian": rng.random(num),
    }


def _sample_local_changes(labels: list[str], num: int, rng: np.random.Generator) -> Array:
    """Small changes of single body parts, the same on both sides."""
    changes, drawn = np.zeros((num, len(labels))), {}
    for i, label in enumerate(labels):
        if not label.startswith(_LOCAL_TARGETS) or any(word in label for word in _UNUSUAL_TARGETS):
            continue
        both_sides = label.removeprefix("l-").removeprefix("r-")
        if both_sides not in drawn:
            drawn[both_sides] = np.clip(rng.normal(0, _LOCAL_SIGMA, num), -1, 1)
        changes[:, i] = drawn[both_sides]
    return changes


def stature(source: Source, coefficients: Array) -> Array:
    """Height from the soles to the crown.

    Args:
        source: the raw body.
        coefficients: (B, K) of the shape targets.

    Returns:
        (B,) m.
    """
    y = source.verts[:, 1]
    measured = np.concatenate([[int(np.argmax(y))], np.where(y < y.min() + 0.02)[0]])
    shapes = source.shapes[:, measured].astype(np.float64)
    heights = source.verts[measured][None, :, 1] + np.einsum(
        "bk,kv->bv", coefficients, shapes[:, :, 1]
    )
    return heights[:, 0] - heights[:, 1:].min(1)


def principal_shapes(
    bodies: NDFloat, faces: Indices, mirror: Indices
) -> tuple[NDFloat, NDFloat, float]:
    """Mean and main components of a population, in standard deviations.

    Signs are chosen so that the first component grows taller and the others more voluminous.

    Args:
        bodies: (B, V, 3) in the T-pose, float32, m.
        faces: (F, 3).
        mirror: (V,) the vertex on the other side.

    Returns:
        Mean (V, 3) m, components (V, 3, 10) m per standard deviation, explained share of variance.
    """
    num, num_verts, _ = bodies.shape
    mean = bodies.mean(0)
    centred = (bodies - mean).reshape(num, -1)
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    values, vectors = values[::-1], vectors[:, ::-1]
    components = np.empty((num_verts, 3, NUM_COMPONENTS), np.float32)
    for k in range(NUM_COMPONENTS):
        unit = (vectors[:, k] @ centred) / np.sqrt(values[k])
        step = (unit * np.sqrt(values[k] / num)).reshape(-1, 3)
        step = 0.5 * (step + step[mirror] * FLIP)
        if k == 0:
            sign = np.sign(np.ptp((mean + step)[:, 1]) - np.ptp(mean[:, 1]))
        else:
            sign = np.sign(volume(mean + step, faces) - volume(mean, faces))
        components[..., k] = step * (sign or 1)
    return mean, components, float(values[:NUM_COMPONENTS].sum() / values.sum())


def volume(verts: NDFloat, faces: Indices) -> float:
    """Signed volume of a closed mesh, m³; positive where faces are outward."""
    corners = verts[faces].astype(np.float64)
    normal = np.cross(corners[:, 1], corners[:, 2])
    return float(np.einsum("ij,ij->i", corners[:, 0], normal).sum() / 6)
