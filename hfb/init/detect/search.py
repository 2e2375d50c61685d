"""Search for the person under blur, with the help of the background.

Not in the paper, which runs METRO on the blurry image. Several regions of interest are read by the
landmark network; each result is scored by how well the body drawn from it explains the foreground
mask; the best is read again under small changes of place, scale and rotation and mirrored, and the
medians are taken. The other results are kept as hypotheses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.decoding import Roi, roi_from_points
from hfb.init.detect.landmarks import LIMB_LANDMARKS, Landmarks, mirror_landmarks

_SCORE_SIZE = 200
"""Side of the person in the small mask that hypotheses are scored on, px."""

_ALIKE = 0.03
"""Difference of two regions, as shares of a side and rad, below which one of them is enough."""

_BONES = (
    (11, 13), (13, 15), (12, 14), (14, 16), (23, 25), (25, 27), (24, 26), (26, 28),
    (15, 19), (16, 20), (27, 31), (28, 32), (11, 12), (23, 24),
)  # fmt: skip


@dataclass(frozen=True)
class SearchSettings:
    """How many regions are tried.

    Attributes:
        scales: sides of the regions, as multiples of the mask's larger extent.
        angles: rotations of the regions, rad.
        detector_windows: sides of the detector's windows, as multiples of the mask's extent.
        num_repeats: how many of the best are read again where the network itself would look next.
        ensemble_scales: regions round the winner, as multiples of its region's side.
        ensemble_angles: rotations round the winner's, rad.
    """

    scales: tuple[float, ...] = (1.25, 1.6)
    angles: tuple[float, ...] = (-0.4, 0.0, 0.4)
    detector_windows: tuple[float, ...] = (1.6, 2.4)
    num_repeats: int = 3
    ensemble_scales: tuple[float, ...] = (0.9, 1.0, 1.15)
    ensemble_angles: tuple[float, ...] = (-0.2, 0.0, 0.2)


def search_landmarks(
    network: BlazePose,
    image: UInt8[np.ndarray, "H W 3"],
    mask: Bool[np.ndarray, "H W"],
    settings: SearchSettings | None = None,
) -> list[Landmarks]:
    """Guesses at the person's landmarks, best first; `score` says how well each explains the mask.

    Args:
        network: detector and landmark network.
        image: blurry image, sRGB.
        mask: foreground, not empty.
        settings: how many regions are tried.
    """
    settings = settings or SearchSettings()
    scorer = MaskScorer(mask)
    image = _without_aliasing(image, scorer.extent)
    rois = _without_repeats(_regions(network, image, scorer, settings))
    found = [scorer.scored(guess) for guess in network.read([(image, roi) for roi in rois])]
    found.sort(key=lambda guess: -guess.score)
    nexts = [guess.next_roi for guess in found[: settings.num_repeats]]
    nexts = _without_repeats([roi for roi in nexts if scorer.is_plausible(roi)], rois)
    found += [scorer.scored(guess) for guess in network.read([(image, roi) for roi in nexts])]
    found.sort(key=lambda guess: -guess.score)
    combined = scorer.scored(_ensemble(network, image, found[0], settings))
    # The median of many outputs is steadier than a single one of the same quality.
    if combined.score > found[0].score - 0.05:
        return [combined, *found]
    return [found[0], combined, *found[1:]]


class MaskScorer:
    """Says how well landmarks explain a foreground mask.

    Args:
        mask: foreground, full image, not empty.
    """

    def __init__(self, mask: Bool[np.ndarray, "H W"]) -> None:
        rows, columns = np.nonzero(mask)
        # Percentiles: stray pixels must not move the box.
        left, right = np.percentile(columns, [0.5, 99.5])
        top, bottom = np.percentile(rows, [0.5, 99.5])
        self.centre = (float(left + right + 1) / 2, float(top + bottom + 1) / 2)
        self.extent = float(max(right - left, bottom - top, 8.0))
        self._scale = _SCORE_SIZE / self.extent
        pad = 0.25 * self.extent
        self._corner = np.array([self.centre[0], self.centre[1]]) - self.extent / 2 - pad
        side = round((self.extent + 2 * pad) * self._scale)
        matrix = np.array(
            [[1 / self._scale, 0, self._corner[0]], [0, 1 / self._scale, self._corner[1]]]
        )
        small = cv2.warpAffine(
            mask.astype(np.float32),
            matrix,
            (side, side),
            flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP,
        )
        self._mask = small > 0.5

    def is_plausible(self, roi: Roi) -> bool:
        """Whether a region has a size that fits the mask."""
        return 0.6 * self.extent < roi[2] < 3.0 * self.extent

    def scored(self, landmarks: Landmarks) -> Landmarks:
        """The same landmarks with the score set: mask overlap, visibility and presence."""
        overlap = self.overlap(landmarks)
        visible = float(landmarks.visibility[LIMB_LANDMARKS].mean())
        presence = min(max(landmarks.score, 0.0), 1.0)
        return replace(landmarks, score=overlap + 0.25 * visible + 0.25 * presence)

    def overlap(self, landmarks: Landmarks) -> float:
        """Intersection over union of the mask and the body drawn from the landmarks."""
        body = draw_body((landmarks.xy - self._corner) * self._scale, self._mask.shape)
        union = int(np.count_nonzero(body | self._mask))
        return int(np.count_nonzero(body & self._mask)) / max(1, union)


def draw_body(xy: np.ndarray, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """A rough body from landmarks: limbs as thick lines, torso as a polygon, head as a disc.

    Args:
        xy: landmarks, px of the image.
        shape: rows and columns of the image.
    """
    image = np.zeros(shape, np.uint8)
    points = np.clip(xy, -4096, 4096)
    shoulders, hips = points[[11, 12]].mean(0), points[[23, 24]].mean(0)
    # Seen from above the torso is short; then the limbs' width must not vanish with it.
    torso = max(
        float(np.hypot(*(shoulders - hips))), 0.15 * float(np.ptp(points, axis=0).max()), 4.0
    )
    width = max(1, round(0.2 * torso))
    for start, end in _BONES:
        cv2.line(image, _pixel(points[start]), _pixel(points[end]), 1, width)
    hull = cv2.convexHull(points[[11, 12, 24, 23]].astype(np.int32))
    cv2.fillConvexPoly(image, hull, 1)
    head = points[[7, 8]].mean(0)
    cv2.circle(image, _pixel(head), round(0.24 * torso), 1, -1)
    cv2.line(image, _pixel(head), _pixel(shoulders), 1, width)
    return image > 0


def _pixel(point: np.ndarray) -> tuple[int, int]:
    return int(point[0]), int(point[1])


def _without_aliasing(image: np.ndarray, extent: float) -> np.ndarray:
    """Smooth a large image as its reduction to the network's 256 px needs."""
    step = extent * 1.3 / 256
    sigma = 0.3 * step
    return cv2.GaussianBlur(image, (0, 0), sigma) if step > 1.6 else image


def _regions(
    network: BlazePose, image: np.ndarray, scorer: MaskScorer, settings: SearchSettings
) -> list[Roi]:
    """Regions from the mask, and from the detector at several window sizes."""
    x, y = scorer.centre
    regions: list[Roi] = [
        (x, y, scorer.extent * scale, angle)
        for scale in settings.scales
        for angle in settings.angles
    ]
    height, width = image.shape[:2]
    windows: list[Roi] = [(x, y, scorer.extent * scale, 0.0) for scale in settings.detector_windows]
    windows.append((width / 2, height / 2, float(max(height, width)), 0.0))
    for window in windows:
        for person in network.detect(image, window)[:2]:
            roi = roi_from_points(person.hip, person.top)
            if scorer.is_plausible(roi):
                regions.append(roi)
    return regions


def _without_repeats(rois: Sequence[Roi], known: Sequence[Roi] = ()) -> list[Roi]:
    """The regions that are neither alike nor like those that are known."""
    kept: list[Roi] = []
    for roi in rois:
        if not any(_is_alike(roi, other) for other in [*known, *kept]):
            kept.append(roi)
    return kept


def _is_alike(one: Roi, other: Roi) -> bool:
    """Whether the network would read much the same in both."""
    shift = np.hypot(one[0] - other[0], one[1] - other[1])
    turn = abs((one[3] - other[3] + np.pi) % (2.0 * np.pi) - np.pi)
    scale = abs(np.log(one[2] / other[2]))
    return bool(max(shift / other[2], scale, turn) < _ALIKE)


def _ensemble(
    network: BlazePose, image: np.ndarray, best: Landmarks, settings: SearchSettings
) -> Landmarks:
    """Median of the landmarks read under changes of scale and rotation, and mirrored."""
    width = image.shape[1]
    mirrored = np.ascontiguousarray(image[:, ::-1])
    roi = x, y, side, angle = best.roi
    changes = [(s, turn) for s in settings.ensemble_scales for turn in settings.ensemble_angles]
    own: list[Roi] = [(x, y, side * scale, angle + turn) for scale, turn in changes]
    others: list[Roi] = [(width - x, y, side * scale, -angle - turn) for scale, turn in changes]
    new = [place for place in own if place != roi]  # the best has been read
    crops = [(image, place) for place in new] + [(mirrored, place) for place in others]
    read = network.read(crops)
    # The best has a score of its own by now; a member's is the network's.
    by_roi = {roi: replace(best, score=best.outputs[0].presence)} | dict(
        zip(new, read, strict=False)
    )
    members = []
    for place, other in zip(own, read[len(new) :], strict=True):
        members += [by_roi[place], mirror_landmarks(other, width)]
    members = [member for member in members if member.score > 0.5] or members
    xy = np.stack([member.xy for member in members])
    centre = np.median(xy, axis=0)
    return Landmarks(
        xy=centre,
        world=np.median([member.world for member in members], axis=0),
        visibility=np.median([member.visibility for member in members], axis=0),
        score=float(np.mean([member.score for member in members])),
        roi=roi,
        next_roi=members[0].next_roi,
        spread_px=np.median(np.linalg.norm(xy - centre, axis=-1), axis=0),
        outputs=tuple(output for member in members for output in member.outputs),
    )
