"""Human from Blur from Python: a photo in, body and motion out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.app.configured import Config, configured_model
from hfb.app.given import sample_of
from hfb.app.output.sample_files import SampleFiles
from hfb.app.pipeline import Pipeline
from hfb.app.progress import FitProgress, RunProgress, Watch
from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.evaluate.results import SampleResult
from hfb.evaluate.trust.guard import joint_sureness
from hfb.evaluate.trust.warnings import verdicts_of, warnings_of_result
from hfb.refine.result import Refinement, sharp_subframes
from hfb.report.curves import Curves, LossCurves
from hfb.report.settings import ReportSettings
from hfb.structures import Camera, PosedBody

Times = float | Sequence[float] | np.ndarray | np.generic | Tensor


class Fit:
    """The body and its motion inside the exposure, as they were found; `hfb.fit` makes it.

    Times run from 0, when the shutter opens, to 1, when it closes. A number gives one time without
    an axis, a sequence or tensor of N times a leading axis N. `photo` says which of several photos.

    Args:
        result: what was found.
        pipeline: what found it.
        settings: which files `save` writes.
        curves: of the fit, one a photo.
    """

    def __init__(
        self,
        result: SampleResult,
        pipeline: Pipeline,
        settings: ReportSettings | None = None,
        curves: Sequence[Curves] = (),
    ) -> None:
        self.result = result
        self._settings = settings
        self._curves = curves
        self._pipeline = pipeline

    def __repr__(self) -> str:
        name, metrics = self.result.item.sample.sample_id, self.result.metrics
        explained = f"{metrics.reblur_psnr_db:.1f} dB, IoU {metrics.matte_iou:.2f} with the matte"
        return f"Fit({name!r}, {len(self)} photo(s), re-blurred: {explained})"

    def __len__(self) -> int:
        """How many photos there are."""
        return len(self._photos)

    @property
    def _photos(self) -> tuple[SampleResult, ...]:
        return self.result.photos or (self.result,)

    @property
    def body(self) -> SmplBody:
        """The body model that was fitted."""
        return self._pipeline.body

    @property
    def betas(self) -> Float[Tensor, " K"]:
        """Shape coefficients; those of `body` only, no other model's."""
        return self.result.refinement.betas

    @property
    def texture(self) -> Float[Tensor, "3 TH TW"]:
        """The texture, sRGB in [0, 1]; row 0 is v = 1."""
        return self.result.refinement.texture

    @property
    def camera(self) -> Camera:
        """The full-image camera that everything is seen by."""
        return self.result.refinement.camera

    @property
    def report(self) -> dict[str, dict[str, Any]]:
        """The metrics of the starting pose (`start`) and of the fit (`fit`), by name.

        Errors against the truth are there where a sample has one; see `per_sample.csv` in
        docs/FORMATS.md for what each is.
        """
        return {
            name: {k: v for k, v in asdict(metrics).items() if v is not None}
            for name, metrics in (
                ("start", self.result.initial_metrics),
                ("fit", self.result.metrics),
            )
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the fit, in words with a code in brackets; empty if nothing is.

        The codes and which of them say that the fit explains nothing: docs/FORMATS.md.
        """
        return tuple(str(warning) for warning in warnings_of_result(self.result))

    @property
    def sure(self) -> float | None:
        """Probability that the mean joint error is below 150 mm, mean over the photos."""
        found = joint_sureness(verdicts_of(self.result))
        return None if found is None else found.mean_sure

    def joint_sigma_mm(self, photo: int = 0) -> dict[str, float]:
        """Standard deviation of each joint along each axis at mid-exposure, by name, mm.

        Joints are taken relative to the pelvis; their expected distance from the truth is 1.6 times
        as much. What it rests on: docs/TRUST.md.

        Args:
            photo: which photo, from 0.
        """
        return dict(verdicts_of(self.result)[photo].joint_sigma_mm)

    def joints(self, t: Times = 0.5, photo: int = 0) -> Float[Tensor, "*N J 3"]:
        """The joints in the camera frame (x right, y down, z forward), m.

        Args:
            t: times in [0, 1].
            photo: which photo, from 0.
        """
        return self._at(t, self._posed(t, photo).joints)

    def vertices(self, t: Times = 0.5, photo: int = 0) -> Float[Tensor, "*N V 3"]:
        """The vertices of the mesh in the camera frame, m; `body.faces` joins them.

        Args:
            t: times in [0, 1].
            photo: which photo, from 0.
        """
        return self._at(t, self._posed(t, photo).verts)

    def pose(
        self, t: Times = 0.5, photo: int = 0
    ) -> tuple[Float[Tensor, "*N J 3 3"], Float[Tensor, "*N 3"]]:
        """SMPL's rotations, root first (model to camera frame), and smplx's `transl`, m.

        Args:
            t: times in [0, 1].
            photo: which photo, from 0.
        """
        rotmat, transl = self._refinement(photo).poses(_times(t))
        return self._at(t, rotmat), self._at(t, transl)

    @torch.no_grad()
    def render(self, t: Times = 0.5, photo: int = 0) -> Float[Tensor, "*N 3 H W"]:
        """The sharp image at any time of the exposure, on the background, sRGB in [0, 1].

        Args:
            t: times in [0, 1].
            photo: which photo, from 0.
        """
        images = sharp_subframes(
            self._refinement(photo),
            self.body,
            _times(t),
            self.result.item.sample.background,
            self._pipeline.render_settings,
        )
        return self._at(t, images)

    def save(self, folder: str | Path) -> Path:
        """Write motion, mesh, video and images, as `predict` does (docs/FORMATS.md).

        Args:
            folder: of the run; the sample gets a folder of its own below `samples/`.

        Returns:
            The folder of the sample.

        Raises:
            InputError: if it cannot be written.
        """
        files = SampleFiles(Path(folder), settings=self._settings)
        files.write(self.result, self._pipeline.fitter(), self._curves)
        files.write_page()
        return Path(folder) / "samples" / self.result.item.sample.sample_id

    def _refinement(self, photo: int) -> Refinement:
        if not -len(self) <= photo < len(self):
            raise InputError(f"there is no photo {photo}: there are {len(self)}, from 0")
        return self._photos[photo].refinement

    @torch.no_grad()
    def _posed(self, t: Times, photo: int) -> PosedBody:
        return self._refinement(photo).posed(self.body, _times(t))

    @staticmethod
    def _at(t: Times, values: Tensor) -> Tensor:
        """Without the axis of the times where there is one time."""
        is_single = t.ndim == 0 if isinstance(t, Tensor) else np.ndim(t) == 0
        return values[0] if is_single else values


def fit(
    photo: Any,
    background: Any = None,
    *,
    camera: Any = None,
    alpha: Any = None,
    estimate: Any = None,
    config: Config | Sequence[Config] | None = None,
    **settings: Any,
) -> Fit:
    """Recover a person's body and motion inside the exposure from one or several blurry photos.

    Args:
        photo: the blurry photo: a path, a numpy array (H, W, 3), a tensor (3, H, W) or a PIL image;
            or a list of consecutive ones, which share shape and texture and meet smoothly.
        background: the same scene without the person, same camera and size, given likewise.
        camera: a `hfb.Camera`, a 3 x 3 matrix in px, or the path of a JSON file; guessed if None.
        alpha: matte of the person; estimated if None.
        estimate: starting poses, the path of a `*.hfbinit.npz`; found if None.
        config: YAML files as for `--config`, or the name of a shipped one: "paper".
        settings: by their names on the command line: `num_starts=2`, `weights={"pose": 0.1}`,
            `body="SMPL_NEUTRAL.pkl"`, `render={"mode": "dibr"}`, `show_progress=False`.

    Raises:
        InputError: if something given cannot be used; says what and why.
        NoPersonError: if there is nobody in the photo.
        AssetNotFoundError: if a model file is missing.

    Example:
        >>> import hfb  # doctest: +SKIP
        >>> fit = hfb.fit("photo.jpg", background="empty.jpg")  # doctest: +SKIP
        >>> fit.joints([0.0, 0.5, 1.0]).shape  # doctest: +SKIP
        torch.Size([3, 24, 3])
    """
    sample = sample_of(photo, background, camera, alpha, estimate)
    model = configured_model(config, settings)
    pipeline, progress = model.pipeline(), RunProgress(model.show_progress)
    try:
        progress.begin("starting pose and matte")
        started = pipeline.initialise(sample)
        curves = LossCurves()
        watch = Watch(progress, (FitProgress(progress), curves))
        ((result,),) = pipeline.run([started], ["hfb"], watch)
        progress.finish()
    finally:
        progress.close()
    return Fit(result, pipeline, model.report, curves.take(result))


def _times(t: Times) -> Float[Tensor, " N"]:
    """Times as a tensor with one axis.

    Raises:
        InputError: if they are no numbers in [0, 1].
    """
    given = t.detach().cpu() if isinstance(t, Tensor) else np.asarray(t, dtype=np.float32)
    times = torch.as_tensor(given, dtype=torch.float32).reshape(-1)
    if not bool(((times >= 0.0) & (times <= 1.0)).all()) or not len(times):
        raise InputError(f"times {t} must lie in [0, 1], from the shutter's opening to its closing")
    return times
