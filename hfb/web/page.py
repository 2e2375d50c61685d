"""The page: two ways in (a photo, a clip), progress, the report and the files."""

from __future__ import annotations

import html
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from hfb.errors import InputError
from hfb.web.jobs import ARCHIVE, REPORT, Jobs, Progress
from hfb.web.uploads import CLIPS, HEAD_BYTES, PHOTOS, why_content_refused, why_name_refused

_KEPT_S = 3600
"""How long an upload that nobody uses lies in the temporary folder."""
_SWEPT_EVERY_S = 300
_MOST_PHOTOS = 4
_WAITING = 8
"""Fits that may wait; further visitors are asked to come back."""
_INTRODUCTION = """\
# Human from Blur
The 3D body of a moving person, and its motion inside the exposure, from a blurry photo. The camera
must stand still. Files are deleted when you close this page.
"""
_FRAMES = """\
Give the **moment** that matters: four consecutive photos around it are made of the clip's frames
and fitted together. They tell the direction of time: of the joints that move on real clips, 39 of
41 ran the right way, and 117 of 191 where single photos were fitted (docs/lab/real.md). Without a
moment, say which frames become which photos.
"""
_EMPTY = "The same scene without the person"
Outputs = tuple[str, str]


def make_page(gradio: ModuleType, jobs: Jobs, uploads: Path) -> Any:
    """The page as Gradio's Blocks.

    Args:
        gradio: the module, imported when its folder for uploads is set.
        jobs: what runs the fits.
        uploads: the folder that uploads lie in.
    """
    visits = Visits(gradio, jobs, uploads)
    photos, clips = [*PHOTOS], [*CLIPS]
    hidden = {"api_visibility": "private"}
    with gradio.Blocks(
        title="Human from Blur", analytics_enabled=False, delete_cache=(_SWEPT_EVERY_S, _KEPT_S)
    ) as page:
        gradio.Markdown(_INTRODUCTION)
        with gradio.Tab("Photo"):
            with gradio.Row():
                photo = gradio.File(label="Blurry photo", file_types=photos, elem_id="photo")
                empty = gradio.File(label=_EMPTY, file_types=photos, elem_id="background")
            fit_photo = gradio.Button("Fit the photo", variant="primary", elem_id="fit-photo")
        with gradio.Tab("Clip"):
            gradio.Markdown(_FRAMES)
            with gradio.Row():
                clip = gradio.File(label="Clip", file_types=clips, elem_id="clip")
                scene = gradio.File(label=f"{_EMPTY} (else made of it)", file_types=photos)
            frames = _frames(gradio)
            fit_clip = gradio.Button("Fit the clip", variant="primary", elem_id="fit-clip")
        stop = gradio.Button("Stop", elem_id="stop")
        said = gradio.Textbox(label="Progress", lines=5, max_lines=12, elem_id="progress")
        shown = gradio.HTML(elem_id="result")
        # A fit uses all processors: one at a time, of photos and clips together.
        fits = {**hidden, "concurrency_limit": 1, "concurrency_id": "fit"}
        fit_photo.click(visits.fit_photo, [photo, empty], [said, shown], **fits)
        fit_clip.click(visits.fit_clip, [clip, scene, *frames], [said, shown], **fits)
        stop.click(visits.stop, None, None, **hidden)
        page.unload(visits.forget)
    return page.queue(max_size=_WAITING)


def _frames(gradio: ModuleType) -> list[Any]:
    """Which frames of a clip become which photos."""
    with gradio.Row():
        return [
            gradio.Number(label="Moment, s", value=None, minimum=0, elem_id="moment"),
            gradio.Number(label="or first frame", value=0, precision=0, minimum=0),
            gradio.Number(label="Frames a photo", value=9, precision=0, minimum=1),
            gradio.Slider(1, _MOST_PHOTOS, 3, step=1, label="Consecutive photos"),
        ]


class Visits:
    """What the buttons do.

    Args:
        gradio: the module.
        jobs: what runs the fits.
        uploads: the folder that uploads lie in.
    """

    def __init__(self, gradio: ModuleType, jobs: Jobs, uploads: Path) -> None:
        self._error = partial(gradio.Error, print_exception=False, duration=None)
        self._jobs = jobs
        self._uploads = uploads.resolve()
        # Gradio finds out by the annotation that it shall say who visits.
        for name in ("fit_photo", "fit_clip", "stop", "forget"):
            getattr(type(self), name).__annotations__["request"] = gradio.Request

    def fit_photo(
        self, photo: str | None, background: str | None, request: Any
    ) -> Iterator[Outputs]:
        """Fit one photo."""
        given = {"data.image": photo, "data.background": background}
        if not photo or not background:
            raise self._error("Drop both: the blurry photo, and the same scene without the person.")
        yield from self._fit(request, given, [])

    def fit_clip(
        self,
        clip: str | None,
        background: str | None,
        moment: float | None,
        first: float,
        length: float,
        count: float,
        request: Any,
    ) -> Iterator[Outputs]:
        """Fit consecutive photos made of a clip's frames, round a moment if one is given."""
        if not clip:
            raise self._error("Drop a clip.")
        try:
            shown = None if moment is None else float(moment)
            options = clip_options(shown, int(first), int(length), int(count))
        except (TypeError, ValueError) as error:
            raise self._error(f"Which frames? {error}") from error
        given = {"data.video": clip, "data.background": background}
        yield from self._fit(request, given, options)

    def stop(self, request: Any) -> None:
        """End the visitor's fit."""
        self._jobs.stop(str(request.session_hash))

    def forget(self, request: Any) -> None:
        """Delete what the visitor has."""
        self._jobs.forget(str(request.session_hash))

    def _fit(
        self, request: Any, given: dict[str, str | None], options: list[str]
    ) -> Iterator[Outputs]:
        try:
            inputs = {key: self._uploaded(path) for key, path in given.items() if path}
            for progress in self._jobs.run(str(request.session_hash), inputs, options):
                yield progress_text(progress), result_html(progress)
        except InputError as error:
            raise self._error(html.escape(str(error))) from error

    def _uploaded(self, path: str) -> Path:
        """An upload, looked at again: a request may name any path."""
        found = Path(path).resolve()
        if not found.is_relative_to(self._uploads) or not found.is_file():
            raise InputError("the upload is gone: drop the file again")
        with found.open("rb") as file:
            head = file.read(HEAD_BYTES)
        reason = why_name_refused(found.name) or why_content_refused(found.name, head)
        if reason:
            raise InputError(reason)
        return found


def clip_options(moment: float | None, first: int, length: int, count: int) -> list[str]:
    """What of a clip is fitted, as `hfb predict` is told.

    Args:
        moment: s; comes first.
        first: frame, where there is no moment.
        length: frames a photo.
        count: of photos, where there is no moment.

    Raises:
        ValueError: if there is no such frame or photo.

    Example:
        >>> clip_options(7.8, 0, 3, 3)
        ['--data.at=7.8', '--data.clip.average=3']
    """
    frames = frames_text(first, length, count)
    if moment is None:
        return [f"--data.frames={frames}"]
    return [f"--data.at={moment!r}", f"--data.clip.average={length}"]


def frames_text(first: int, length: int, count: int) -> str:
    """Consecutive photos as `--data.frames` takes them.

    Args:
        first: frame.
        length: frames a photo.
        count: of photos.

    Raises:
        ValueError: if there is no such frame or photo.

    Example:
        >>> frames_text(40, 9, 2)
        '40:49,49:58'
    """
    if first < 0 or length < 1 or not 1 <= count <= _MOST_PHOTOS:
        raise ValueError(f"from frame 0 on, one frame or more in each of 1 to {_MOST_PHOTOS}")
    starts = [first + k * length for k in range(count)]
    return ",".join(f"{start}:{start + length}" for start in starts)


def progress_text(progress: Progress) -> str:
    """What the fit has said, and for how long it runs."""
    ending = "finished after" if progress.token else "running for"
    return "\n".join([*progress.lines, f"{ending} {progress.seconds:.0f} s"])


def result_html(progress: Progress) -> str:
    """Report and download; nothing while there is none."""
    if progress.token is None:
        return ""
    base = f"result/{progress.token}"
    return (
        f'<p><a id="download" href="{base}/{ARCHIVE}" download>Download all files</a> · '
        f'<a href="{base}/{REPORT}" target="_blank">the report on a page of its own</a></p>'
        f'<iframe id="report" src="{base}/{REPORT}" sandbox="allow-scripts allow-downloads" '
        'style="width:100%;height:85vh;border:1px solid #8884" title="report"></iframe>'
    )
