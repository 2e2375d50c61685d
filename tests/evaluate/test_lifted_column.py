"""Tables show the plain registration beside a lifted start."""

from dataclasses import replace

import pytest
import torch
from started_samples import with_start

from datamodules.synthetic.data_module import SyntheticSettings, make_sample
from hfb.body import load_body
from hfb.evaluate.metrics_of_sequence import join_results
from hfb.evaluate.records import record_of, rows_of
from hfb.evaluate.static_start import evaluate_start
from hfb.evaluate.tables import summarize_run, table_markdown
from hfb.geometry import rotvec_to_rotmat
from hfb.refine import Fitter, RefineSettings, Stage
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import build_problem
from hfb.render import RenderSettings

SMALL = SyntheticSettings(
    height=64, width=56, num_subframes=4, num_truth=6, supersampling=1, blur_rate=(0.2, 0.6)
)
LEFT_HIP = 1


@pytest.fixture(scope="module")
def results():
    """A start with the plain registration beside it, the same without, and the latter as start."""
    body = load_body()
    sample = with_start(make_sample(SMALL, 3))
    weights = {"image": 3.0, "matting": 1.0, "depth_anchor": 0.0}
    settings = RefineSettings(
        weights=weights, stages=[Stage(2)], image_size=64, texture_size=16, num_subframes=2
    )
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    estimate = sample.estimate
    bent = estimate.pose_rotmat.clone()
    bent[:, LEFT_HIP] = bent[:, LEFT_HIP] @ rotvec_to_rotmat(torch.tensor([0.6, 0.0, 0.0]))
    plain = replace(estimate, pose_rotmat=bent)
    lifted = replace(estimate, unlifted=plain)

    def measured(started_from):
        item = InitialisedFrame(sample, started_from, sample.alpha[0], sample.camera, True)
        problem = build_problem(sample, started_from, sample.alpha[0], 64, 0.1)
        return evaluate_start(item, problem, fitter)

    return {"lifted": measured(lifted), "alone": measured(estimate), "plain": measured(plain)}


def test_the_plain_registration_is_measured_like_a_start_of_its_own(results):
    unlifted, plain = results["lifted"].unlifted_metrics, results["plain"].metrics
    assert unlifted is not None
    assert unlifted.mpjpe_mm == pytest.approx(plain.mpjpe_mm)
    assert unlifted.mpjpe_mm > results["lifted"].metrics.mpjpe_mm + 5.0
    assert unlifted.iou == pytest.approx(plain.iou)
    assert results["lifted"].metrics == results["alone"].metrics
    assert results["alone"].unlifted_metrics is None


def test_static_keeps_its_meaning_and_the_lifted_start_gets_a_row(results):
    record = record_of([replace(results["lifted"], method="hfb")])
    summary = summarize_run([record], [], "table1")
    methods = summary["methods"]
    assert list(methods) == ["static", "lifted", "hfb"]
    for name, metrics in (
        ("static", results["plain"].metrics),
        ("lifted", results["lifted"].metrics),
    ):
        mean = methods[name]["overall"]["mpjpe_mm"]["mean"]
        assert mean == pytest.approx(metrics.mpjpe_mm, abs=1e-3)
    assert methods["hfb"]["overall"]["ratio_to_static"]["mean"] < 1.0
    table = table_markdown(summary)
    assert "MPJPE mm, better direction: lifted start" in table
    assert "plain registration of landmarks" in table
    assert rows_of(record)[0]["init_mpjpe_mm"] == f"{results['lifted'].metrics.mpjpe_mm:.4f}"


def test_without_lifting_nothing_is_added(results):
    record = record_of([replace(results["alone"], method="hfb")])
    assert "unlifted" not in record
    table = table_markdown(summarize_run([record], [], "table1"))
    assert "lifted" not in table


def test_a_sequence_has_both_rows(results):
    first, second = results["lifted"], results["alone"]
    sample = first.item.sample
    opening, closing = sample.exposure[0].tolist()
    later = torch.tensor([[opening, closing], [closing, 2.0 * closing - opening]])
    photos, mattes = sample.blurry.repeat(2, 1, 1, 1), sample.alpha.repeat(2, 1, 1, 1)
    both = replace(sample, blurry=photos, alpha=mattes, target=None, exposure=later)
    joint = join_results(both, [first, first], load_body(), 0.5)
    assert joint.unlifted_metrics.mpjpe_mm == pytest.approx(results["plain"].metrics.mpjpe_mm)
    methods = summarize_run([record_of([joint])], [], "table2")["methods"]
    assert list(methods)[:2] == ["static", "lifted"]
    assert join_results(both, [first, second], load_body(), 0.5).unlifted_metrics is None
