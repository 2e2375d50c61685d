"""A batch of a data set through the pipeline; a sample that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
from hfb.unread import UnreadSample

SET_UP_FAULTS = (AssetNotFoundError, AssetCorruptError, InferenceModeError)
"""Faults of the installation: every sample would fail alike, so the run stops."""


@dataclass(frozen=True)
class Outcome:
    """What became of a sample of a data set: a record, or why there is none.

    Attributes:
        record: its metrics.
        results: what was found by each method, where it has been refined just now.
        broken: why it cannot be used.
        digest: checksum of the files that it was read from, where they decide what is finished.
    """

    record: Record | None = None
    results: tuple[SampleResult, ...] = ()
    broken: BrokenSample | None = None
    digest: str | None = None


def evaluate_unread(
    items: Sequence[UnreadSample],
    pipeline: Callable[[], Pipeline],
    finished: Callable[[str, str], Record | None],
    watch: Watch | None = None,
) -> list[Outcome]:
    """Read and fit those samples that have not been finished yet.

    Args:
        items: the batch.
        pipeline: gives the tools of the run; asked when there is something to fit.
        finished: the record of a sample by its name and the checksum of its files; None: there is
            none.
        watch: progress display, callbacks and logger.

    Returns:
        One outcome a sample.

    Raises:
        AssetNotFoundError: see `evaluate_batch`.
    """
    outcomes, read = [], []
    for item in items:
        try:
            digest = item.digest()
            record = finished(item.sample_id, digest)
            if record is None:
                read.append((item, digest, item.read()))
            else:
                outcomes.append(Outcome(record))
        except SET_UP_FAULTS:
            raise
        except Exception as error:  # damaged files raise all kinds of errors
            raise_if_stopped()
            outcomes.append(_with_source(unusable(item.sample_id, error, "broken"), item))
    if read:
        new = evaluate_batch(pipeline(), [sample for *_, sample in read], ["hfb"], watch)
        outcomes += [
            _with_source(replace(outcome, digest=digest), item)
            for outcome, (item, digest, _) in zip(new, read, strict=True)
        ]
    return outcomes


def _with_source(outcome: Outcome, item: UnreadSample) -> Outcome:
    if outcome.broken is None:
        return outcome
    return replace(outcome, broken=replace(outcome.broken, source=item.source))


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


def unusable(sample_id: str, error: Exception, otherwise: str = "failed") -> Outcome:
    """Why a sample has no result, in one line: its own fault, or the method's.

    Args:
        sample_id: names the sample.
        error: what was raised.
        otherwise: whose fault errors are that nobody foresaw.
    """
    if isinstance(error, HfbError):
        text, kind = str(error), "failed" if isinstance(error, NoPersonError) else "broken"
    else:
        text, kind = f"{type(error).__name__}: {error}", otherwise
    return Outcome(broken=BrokenSample(sample_id, " ".join(text.split()), kind))
