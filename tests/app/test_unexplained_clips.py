"""A clip counts as unexplained where most of its photos are, and each clip by itself."""

from types import SimpleNamespace

import pytest
import torch

from hfb.app import hfb_module
from hfb.app.clip.run import ClipFrame
from hfb.app.progress import Watch
from hfb.evaluate.results import FitMetrics
from hfb.evaluate.tables import summarize_run, table_markdown
from hfb.evaluate.trust.evidence import FitEvidence
from hfb.init import BlazePoseInitialiser
from hfb.refine import RefineSettings
from hfb.render import RenderSettings
from hfb.structures import BlurSample, ClipPart

EVIDENCE = FitEvidence(20.0, 40.0, 1.0, 1.0, 1.0, 1.0)


@pytest.fixture
def module(monkeypatch):
    """Predicts clips without any fit: the photo's name says how well it is explained."""

    class Run:
        def __init__(self, *args):
            pass

        def step(self, sample):
            metrics = FitMetrics(30.0, float(sample.sample_id))
            frame = object.__new__(ClipFrame)  # with nothing but what is looked at here
            fitted = SimpleNamespace(evidence=EVIDENCE, metrics=metrics, guard=None)
            object.__setattr__(frame, "fitted", fitted)
            return [frame]

    monkeypatch.setattr(hfb_module, "ClipRun", Run)
    monkeypatch.setattr(hfb_module.HfbModule, "pipeline", lambda self: None)
    monkeypatch.setattr(hfb_module.HfbModule, "_watch", lambda self, with_bar: Watch())
    return hfb_module.HfbModule(BlazePoseInitialiser(), RefineSettings(), RenderSettings())


def predict(module, *overlaps):
    image = torch.zeros(1, 3, 4, 4)
    for number, overlap in enumerate(overlaps):
        part = ClipPart(number, len(overlaps), number)
        module.predict_step([BlurSample(str(overlap), image, image[0], part=part)], number)
    return module.num_unusable


def test_most_photos_decide(module):
    assert predict(module, 0.8, 0.05, 0.9, 0.05) == 0
    assert predict(module, 0.05, 0.05, 0.8) == 1
    assert predict(module, 0.9, 0.9, 0.9) == 1
    assert predict(module, 0.01, 0.01) == 2


def record(name, *codes):
    metrics = {**vars(FitMetrics(30.0, 0.8)), "seconds": 1.0, "warnings": list(codes)}
    return {
        "sample_id": name,
        "frames": 1,
        "blur_rate": 0.3,
        "initial": vars(FitMetrics(20.0, 0.5)),
        "methods": {"hfb": metrics},
    }


def test_a_test_counts_them_in_its_table():
    records = [record("a", "outside_picture", "other_exposure"), record("b", "other_exposure")]
    metrics = summarize_run(records, [], "table1")
    assert metrics["warnings"] == {"hfb": {"other_exposure": 2, "outside_picture": 1}}
    assert "2 other_exposure, 1 outside_picture." in table_markdown(metrics)
    assert "Warnings" not in table_markdown(summarize_run([record("a")], [], "table1"))
