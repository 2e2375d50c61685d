"""Pairs of a made-up walk."""

import numpy as np
import pytest
import torch
from recordings import make_clip

from datamodules.lifting.outfits import Wardrobe
from datamodules.lifting.scene import IMAGE_SIZE, Studio
from datamodules.lifting.shards import PairMaker, draw_scenes, pair_of, random_roi
from datamodules.mocap.windows import join_clips
from hfb.body import load_body
from hfb.geometry import project
from hfb.init.detect.detector_output import DetectorOutput
from hfb.init.detect.landmarks import Landmarks


@pytest.fixture(scope="module")
def maker():
    """Draws images of a made-up walk; without the detector, which the tests here do not need."""
    body = load_body()
    backgrounds = torch.randint(0, 255, (2, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=torch.uint8)
    frames = join_clips([make_clip("walk", "ann", "train")], 120.0)
    return PairMaker(frames, ("ann",), Studio(body, Wardrobe.of(body), backgrounds), None)


@pytest.fixture(scope="module")
def pairs(maker):
    """Three pairs as they are stored, read by a detector that is never wrong about the joints."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for scene, subject in draw_scenes(maker, 3, 3):
        roi = random_roi(scene, generator)
        joints = scene.joints[scene.middle]
        points = np.zeros((39, 5))
        xy = project(joints, scene.camera).numpy()
        points[:24, :2] = (xy - np.array(roi[:2])) / roi[2] * 256 + 128
        world = np.zeros((39, 3))
        world[:24] = joints - joints[0]
        output = DetectorOutput(
            points, np.full((39, 3), 0.1), world, 0.9, roi, np.tile(np.linspace(0, 1, 32), (32, 1))
        )
        found_xy = np.zeros((33, 2))
        guess = Landmarks(found_xy, world[:33], np.ones(33), 1.0, roi, roi, outputs=(output,))
        found.append(pair_of(scene, guess, subject))
    return {name: np.stack([pair[name] for pair in found]) for name in found[0]}
