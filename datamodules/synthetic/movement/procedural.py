"""Plausible human actions without motion capture.

An action is a set of joint-angle curves through hand-authored key poses. Limbs lag behind the
torso, knots are shifted, time is warped and a little tremor added, all from the seed, so the motion
is smooth but no low-order polynomial: a fit that assumes one cannot be exact on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator
from torch import Tensor

from datamodules.synthetic.movement.action_library import ANGLES, Pose, Script, load_library
from datamodules.synthetic.movement.anatomy import angles_to_rotmat, limit_angles
from datamodules.synthetic.movement.grounding import GroundedBody, root_path
from hfb.errors import InputError

Array = NDArray[np.float64]

# Seconds by which a segment trails the pelvis: whip-like proximal-to-distal order of fast movements
# (tens of milliseconds between neighbouring segments in kicking and throwing).
_LAG = {
    "root": 0.0, "spine": 0.008, "neck": 0.014, "hip": 0.0, "knee": 0.012, "ankle": 0.022,
    "flat": 0.0, "toe": 0.028, "sh": 0.012, "elbow": 0.028, "fore": 0.034, "wrist": 0.042,
}  # fmt: skip
_GRID_HZ = 240.0
# Largest amplitude in degrees and frequency band in Hz of the tremor's parts.
_TREMOR = ((1.2, (2.0, 4.0)), (0.8, (4.0, 8.0)), (0.4, (8.0, 13.0)))


@runtime_checkable
class MotionSource(Protocol):
    """Anything an exposure can be cut from."""

    @property
    def name(self) -> str:
        """What is done: one word, or a clip's name."""
        ...

    @property
    def duration(self) -> float:
        """How long the motion is, s."""
        ...

    @property
    def focus(self) -> tuple[float, float]:
        """Times between which an exposure may be centred, s."""
        ...

    def window(
        self, body: GroundedBody, betas: Float[Tensor, " K"], times: Float[Tensor, " S"]
    ) -> tuple[Float[Tensor, "S 24 3 3"], Float[Tensor, "S 3"]]:
        """Pose and translation at times in [0, duration] s, in a world with y up.

        Returns:
            Rotations, root first, and smplx's `transl` in m; the ground is y = 0.
        """
        ...


@dataclass(frozen=True)
class Action:
    """A procedural action with its random variation already drawn.

    Attributes:
        name: key of the library, with `_mirrored` where left and right are exchanged.
        duration: s.
        focus: times between which an exposure may be centred, s.
        flights: times between which the body flies, s.
        knots: key times, s.
        angles: values at the knots by angle name, degrees.
        lags: delay of each angle, s.
        tremor: small oscillations of each angle: (amplitude in degrees, frequency in Hz, phase).
        speed: authored seconds per real second.
        cyclic: the motion repeats.
    """

    name: str
    duration: float
    focus: tuple[float, float]
    flights: tuple[tuple[float, float], ...]
    knots: Array
    angles: dict[str, Array]
    lags: dict[str, float]
    tremor: dict[str, tuple[tuple[float, float, float], ...]]
    cyclic: bool = False

    def angle_curves(self, times: Array) -> dict[str, Array]:
        """Every joint angle at the given times (S,) in s, degrees, within anatomical limits."""
        curves: dict[str, Array] = {}
        for name, values in self.angles.items():
            when = times - self.lags[name]
            curve = _interpolate(self.knots, values, when, self.cyclic)
            for amplitude, frequency, phase in self.tremor[name]:
                curve = curve + amplitude * np.sin(2 * np.pi * frequency * when + phase)
            curves[name] = curve
        return limit_angles(curves)

    def pose(self, times: Array) -> Array:
        """Rotations (S, 24, 3, 3) at the given times in s; see `anatomy.angles_to_rotmat`."""
        return angles_to_rotmat(self.angle_curves(times))

    def window(
        self, body: GroundedBody, betas: Float[Tensor, " K"], times: Float[Tensor, " S"]
    ) -> tuple[Float[Tensor, "S 24 3 3"], Float[Tensor, "S 3"]]:
        """Pose and translation at times in [0, duration]; see `MotionSource.window`."""
        grid = np.linspace(0.0, self.duration, max(2, round(self.duration * _GRID_HZ)) + 1)
        wanted = times.double().cpu().numpy()
        curves = self.angle_curves(grid)
        support = np.stack([curves["l_flat"], curves["r_flat"]], axis=1)
        grid_rotmat = torch.from_numpy(angles_to_rotmat(curves)).to(betas)
        path = root_path(body, betas, grid_rotmat, grid, self.flights, support)
        transl = CubicSpline(grid, path, axis=0)(wanted)
        rotmat = torch.from_numpy(self.pose(wanted))
        return rotmat.to(betas), torch.from_numpy(transl).to(betas)


def _interpolate(knots: Array, values: Array, when: Array, cyclic: bool) -> Array:
    """Half monotone cubic, half natural spline: moderate overshoot, continuous velocity."""
    if np.ptp(values) == 0:
        return np.full_like(when, values[0])
    if cyclic:
        period = knots[-1] - knots[0]
        count = len(knots) - 1
        knots = np.concatenate(
            [knots[:-1] - period, knots[:-1], knots[:-1] + period, [knots[-1] + period]]
        )
        values = np.concatenate([np.tile(values[:count], 3), values[:1]])
    else:
        when = np.clip(when, knots[0], knots[-1])
    monotone = PchipInterpolator(knots, values)(when)
    free = CubicSpline(knots, values, bc_type="clamped")(when)
    return 0.5 * (monotone + free)


def numpy_generator(generator: torch.Generator) -> np.random.Generator:
    """A numpy generator that continues a torch one: scipy and numpy do the drawing here."""
    return np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))


def _mirrored(name: str) -> tuple[str, float]:
    """The angle that a mirrored action takes its value from, and the sign."""
    if name[:2] in ("l_", "r_"):
        return ("r_" if name[0] == "l" else "l_") + name[2:], 1.0
    return name, -1.0 if name.endswith(("roll", "yaw", "side", "twist")) else 1.0


def _lag(name: str) -> float:
    key = name[2:] if name[:2] in ("l_", "r_") else name
    return _LAG[key.split("_")[0]]


def random_action(
    generator: torch.Generator, name: str | None = None, variation: float = 1.0
) -> Action:
    """Draw an action of the library with its own speed, amplitude, side and posture.

    Args:
        generator: source of randomness.
        name: key of the library; drawn too if None.
        variation: 0 gives the authored action, 1 the usual spread.

    Raises:
        InputError: if the library has no such action.
    """
    rng = numpy_generator(generator)
    standing, library = load_library()
    drawn = sorted(library)[rng.integers(len(library))]
    name = drawn if name is None else name
    if name not in library:
        raise InputError(f"no action {name!r}; the library has {', '.join(sorted(library))}")
    script = library[name]
    mirror = bool(rng.random() < 0.5) and variation > 0
    speed = float(np.exp(variation * rng.uniform(-0.22, 0.22)))
    knots = _jittered_knots(script, speed, variation, rng)

    def retime(t: float) -> float:
        return float(np.interp(t, [k[0] for k in script.keys], knots))

    angles = _varied_angles(script, standing, mirror, variation, rng)
    return Action(
        name=f"{name}_mirrored" if mirror else name,
        duration=float(knots[-1]),
        focus=(retime(script.focus[0]), retime(script.focus[1])),
        flights=tuple((retime(a), retime(b)) for a, b in script.flights),
        knots=knots,
        angles=angles,
        lags={a: max(0.0, _lag(a) + variation * rng.normal(0, 0.006)) for a in ANGLES},
        tremor={a: _tremor(a, variation, rng) for a in ANGLES},
        cyclic=script.cyclic,
    )


def _tremor(
    name: str, variation: float, rng: np.random.Generator
) -> tuple[tuple[float, float, float], ...]:
    """Oscillations that bring the smoothness down to that of captured motion.

    Least-squares polynomials of degree 2 leave 0.3 degrees on average of 125 ms of CMU motion
    capture; key poses alone leave a tenth of that.
    """
    if name.endswith("flat"):
        return ()
    # The legs move the whole body: theirs are kept smaller.
    size = variation * (0.4 if "root" in name or "hip" in name or "knee" in name else 1.0)
    return tuple(
        (size * rng.uniform(0.3, 1.0) * amplitude, rng.uniform(*band), rng.uniform(0.0, 6.3))
        for amplitude, band in _TREMOR
    )


def _jittered_knots(
    script: Script, speed: float, variation: float, rng: np.random.Generator
) -> Array:
    """Key times in real seconds: each interval a little longer or shorter."""
    steps = np.diff([t for t, _ in script.keys]) / speed
    steps = steps * np.exp(variation * rng.uniform(-0.12, 0.12, len(steps)))
    return np.concatenate([[0.0], np.cumsum(steps)])


def _varied_angles(
    script: Script, standing: Pose, mirror: bool, variation: float, rng: np.random.Generator
) -> dict[str, Array]:
    """Angles at the knots: mirrored, with their own amplitude, posture and key jitter."""
    varied: dict[str, Array] = {}
    for name in ANGLES:
        source, sign = _mirrored(name) if mirror else (name, 1.0)
        values = sign * np.array([pose[source] for _, pose in script.keys])
        if name.endswith("flat"):
            varied[name] = values
            continue
        rest = sign * standing[source]
        values = rest + (values - rest) * (1 + variation * rng.uniform(-0.12, 0.10))
        # The pelvis and legs carry the balance: they wander less than the arms.
        spread = 1.5 if "root" in name or "hip" in name or "ankle" in name else 3.5
        values = values + variation * (
            rng.normal(0, spread) + rng.normal(0, 0.4 * spread, len(values))
        )
        if script.cyclic:
            values[-1] = values[0]
        varied[name] = values
    return varied
