"""A batch of a data set through the pipeline; a sample that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hfb.app.pipeline import Pipeline
from hfb.app.progress import Watch
from hfb.cli.stopping import raise_if_stopped
from hfb.errors import (
    AssetCorruptError,
    AssetNotFoundError,
    HfbError,
    InferenceModeError,
    NoPersonError,
)
from hfb.evaluate.methods import Method
from hfb.evaluate.records import Record, non_finite_metrics, record_of
from hfb.evaluate.results import SampleResult
from hfb.refine.frames import InitialisedSequence
from hfb.structures import BlurSample, BrokenSample

SET_UP_FAULTS = (AssetNotFoundError, AssetCorruptError, InferenceModeError)
"""Faults of the installation: every sample would fail alike, so the run stops."""


@dataclass(frozen=True)
class Outcome:
    """What became of a sample of a data set: a record, or why there is none.

    Attributes:
        record: its metrics.
        results: what was found by each method, where it has been refined just now.
        broken: why it cannot be used.
    """

    record: Record | None = None
    results: tuple[SampleResult, ...] = ()
    broken: BrokenSample | None = None


def evaluate_batch(
    pipeline: Pipeline,
    samples: Sequence[BlurSample],
    methods: Sequence[Method],
    watch: Watch | None = None,
) -> list[Outcome]:
    """Run methods on a batch of samples.

    Args:
        pipeline: the tools of the run.
        samples: the batch.
        methods: at least one.
        watch: progress display, callbacks and logger.

    Returns:
        One outcome a sample.

    Raises:
        AssetNotFoundError: if a model file is missing, and likewise for other faults of the
            installation, which would make every sample fail.
    """
    outcomes: dict[int, Outcome] = {}
    started: dict[int, InitialisedSequence] = {}
    for k, sample in enumerate(samples):
        try:
            started[k] = pipeline.initialise(sample)
        except SET_UP_FAULTS:
            raise
        except Exception as error:
            raise_if_stopped()
            outcomes[k] = unusable(sample.sample_id, error)
    for is_single in (True, False):
        alike = {k: v for k, v in started.items() if v.is_single == is_single}
        outcomes |= _run(pipeline, alike, methods, watch)
    return [outcomes[k] for k in range(len(samples))]


def _run(
    pipeline: Pipeline,
    started: dict[int, InitialisedSequence],
    methods: Sequence[Method],
    watch: Watch | None,
) -> dict[int, Outcome]:
    """Outcomes of samples that are fitted together; one by one where that fails."""
    if not started:
        return {}
    try:
        results = pipeline.run(list(started.values()), methods, watch)
    except SET_UP_FAULTS:
        raise
    except Exception as error:
        raise_if_stopped()
        if len(started) == 1:
            return {k: unusable(v.sample.sample_id, error) for k, v in started.items()}
        # One of them: the others shall not suffer.
        parts = [_run(pipeline, {k: v}, methods, watch) for k, v in started.items()]
        return {k: outcome for part in parts for k, outcome in part.items()}
    return {k: _outcome(own) for k, own in zip(started, results, strict=True)}


def _outcome(results: list[SampleResult]) -> Outcome:
    faulty = non_finite_metrics(results)
    if faulty:
        name = results[0].item.sample.sample_id
        return Outcome(broken=BrokenSample(name, f"not finite: {', '.join(faulty)}", "failed"))
    return Outcome(record_of(results), tuple(results))


def unusable(sample_id: str, error: Exception) -> Outcome:
    """Why a sample has no result, in one line: its own fault, or the method's.

    Args:
        sample_id: names the sample.
        error: what was raised.
    """
    is_its_fault = isinstance(error, HfbError) and not isinstance(error, NoPersonError)
    text = str(error) if isinstance(error, HfbError) else f"{type(error).__name__}: {error}"
    kind = "broken" if is_its_fault else "failed"
    return Outcome(broken=BrokenSample(sample_id, " ".join(text.split()), kind))
