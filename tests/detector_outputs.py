"""What a landmark detector says of a person: at random, or of a known pose."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hfb.body import SmplBody
from hfb.geometry import project, rotvec_to_rotmat
from hfb.init.detect.detector_output import DetectorOutput
from hfb.init.lift.encoding import LiftingInput
from hfb.init.lift.network import LiftingSettings
from hfb.init.register.correspondence import correspondence
from hfb.structures import BodyParams, Camera

SMALL = LiftingSettings(width=32, token_width=16, num_layers=1)
POSE = rotvec_to_rotmat(0.3 * torch.randn(1, 24, 3, generator=torch.Generator().manual_seed(5)))
CAMERA = Camera(torch.tensor([500.0, 500.0]), torch.tensor([200.0, 240.0]), 480, 400)


def random_output(seed: int, **changes: object) -> DetectorOutput:
    rng = np.random.default_rng(seed)
    points = rng.normal(0.0, 1.0, (39, 5))
    points[:, :2] = 128.0 + 40.0 * points[:, :2]
    output = DetectorOutput(
        points=points,
        heat=rng.uniform(0.02, 0.9, (39, 3)),
        world=rng.normal(0.0, 0.3, (39, 3)),
        presence=0.9,
        roi=(260.0, 200.0, 300.0, 0.3),
        mask=rng.random((32, 32)),
        matte=rng.random((32, 32)),
    )
    return replace(output, **changes)


def as_input(output: DetectorOutput, camera: Camera = CAMERA) -> LiftingInput:
    values = {
        name: torch.from_numpy(np.asarray(getattr(output, name), np.float64))[None]
        for name in ("points", "heat", "world", "mask", "matte")
    }
    return LiftingInput(
        **values,
        roi=torch.tensor([output.roi], dtype=torch.float64),
        camera=torch.cat([camera.focal, camera.principal_point])[None].double(),
        registered=POSE.double(),
    )


def observed(body: SmplBody, rotmat: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks that a perfect detector would give for a pose, where a channel names one."""
    table = correspondence(body)
    posed = body(BodyParams(torch.zeros(1, 10), rotmat[None], transl[None]))
    points = torch.cat([posed.joints[0], posed.verts[0, table.vertices]])
    channels = table.from_points.float() @ points
    landmarks = torch.linalg.pinv(table.from_landmarks.float()) @ channels
    return project(landmarks, CAMERA), landmarks - landmarks[[23, 24]].mean(0)
