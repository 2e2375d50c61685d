"""A batch of a data set through the pipeline; a sample that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hfb.app.output.result_store import ResultStore
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


@dataclass(frozen=True)
class Prepared:
    """A sample of a batch before its fit: started, or what became of it before that.

    Attributes:
        outcome: where it is known already: the sample is finished, or cannot be used.
        started: what is to be fitted. A batch is fitted as a whole: finished samples, too.
        digest: checksum of what the result depends on.
        source: where the sample comes from, for notes.
    """

    outcome: Outcome | None = None
    started: InitialisedSequence | None = None
    digest: str | None = None
    source: str | None = None


def prepare(
    batch: Sequence[BlurSample | BrokenSample | UnreadSample | Prepared],
    pipeline: Callable[[], Pipeline],
    store: ResultStore,
) -> list[Prepared]:
    """Read and start a batch, unless that has been done.

    Args:
        batch: things of one kind, beside samples those that could not be read.
        pipeline: gives the tools of the run; asked when there is something to start.
        store: knows what has been finished.

    Returns:
        One a sample.

    Raises:
        AssetNotFoundError: see `start_sample`.
    """
    prepared = [item for item in batch if isinstance(item, Prepared)]
    unread = [item for item in batch if isinstance(item, UnreadSample)]
    read = [item for item in batch if isinstance(item, BlurSample | BrokenSample)]
    return [
        *prepared,
        *_prepare_unread(unread, pipeline, store),
        *_prepare_samples(read, pipeline, store),
    ]


def _prepare_unread(
    items: Sequence[UnreadSample],
    pipeline: Callable[[], Pipeline],
    store: ResultStore,
) -> list[Prepared]:
    """Read and start those that have not been finished yet."""
    prepared = []
    for item in items:
        try:
            digest = item.digest()
            record = store.finished(item.sample_id, digest)
            sample = item.read() if record is None else None
        except SET_UP_FAULTS:
            raise
        except Exception as error:  # damaged files raise all kinds of errors
            raise_if_stopped()
            outcome = unusable(item.sample_id, error, "broken")
            prepared.append(Prepared(_with_source(outcome, item.source)))
            continue
        if sample is None:
            prepared.append(Prepared(Outcome(record)))
            continue
        prepared.append(start_sample(pipeline(), sample, digest, item.source))
    return prepared


def _prepare_samples(
    batch: Sequence[BlurSample | BrokenSample],
    pipeline: Callable[[], Pipeline],
    store: ResultStore,
) -> list[Prepared]:
    """Start a batch, unless all of it has been finished; what could not be read comes first."""
    broken = [Prepared(Outcome(broken=item)) for item in batch if isinstance(item, BrokenSample)]
    samples = [item for item in batch if isinstance(item, BlurSample)]
    digests = [store.digest(sample) for sample in samples]
    records = [
        store.finished(sample.sample_id, digest)
        for sample, digest in zip(samples, digests, strict=True)
    ]
    kept = [None if record is None else Outcome(record) for record in records]
    if all(records):
        return broken + [Prepared(outcome) for outcome in kept]
    begun = [start_sample(pipeline(), *one) for one in zip(samples, digests, strict=True)]
    both = zip(begun, kept, strict=True)
    return broken + [replace(one, outcome=known or one.outcome) for one, known in both]


def start_sample(
    pipeline: Pipeline, sample: BlurSample, digest: str | None = None, source: str | None = None
) -> Prepared:
    """Find starting poses and matte of a sample, or why there are none.

    Args:
        pipeline: the tools of the run.
        sample: has been read.
        digest: checksum of what its result depends on.
        source: where it comes from, for notes.

    Raises:
        AssetNotFoundError: if a model file is missing, and likewise for other faults of the
            installation, which would make every sample fail.
    """
    try:
        return Prepared(None, pipeline.initialise(sample), digest, source)
    except SET_UP_FAULTS:
        raise
    except Exception as error:
        raise_if_stopped()
        return Prepared(_with_source(unusable(sample.sample_id, error), source))


def _with_source(outcome: Outcome, source: str | None) -> Outcome:
    if outcome.broken is None or source is None:
        return outcome
    return replace(outcome, broken=replace(outcome.broken, source=source))


def evaluate_prepared(
    prepared: Sequence[Prepared],
    pipeline: Callable[[], Pipeline],
    methods: Sequence[Method],
    watch: Watch | None = None,
) -> list[Outcome]:
    """Run methods on a batch that has been started.

    Args:
        prepared: the batch.
        pipeline: see `prepare`.
        methods: at least one.
        watch: progress display, callbacks and logger.

    Returns:
        One outcome a sample.

    Raises:
        AssetNotFoundError: see `start_sample`.
    """
    outcomes: dict[int, Outcome] = {}
    started = {k: one.started for k, one in enumerate(prepared) if one.started is not None}
    for is_single in (True, False):
        alike = {k: v for k, v in started.items() if v.is_single == is_single}
        if alike:
            outcomes |= _run(pipeline(), alike, methods, watch)
    return [
        one.outcome or replace(_with_source(outcomes[k], one.source), digest=one.digest)
        for k, one in enumerate(prepared)
    ]


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
