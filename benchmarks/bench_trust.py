"""How sure a fit is: measure fits with truth, learn from them, report on others.

    python benchmarks/bench_trust.py measure --root DATA/some --rows ROWS/some
    python benchmarks/bench_trust.py learn --rows ROWS/some
    python benchmarks/bench_trust.py report --rows clean=ROWS/clean wild=ROWS/wild \
        --plot docs/images/sureness.png
    python benchmarks/bench_trust.py compare --rows ours=ROWS/clean other=ROWS/traced

`measure` fits each sample as `run_hfb.py test` does, without its files, and keeps one record a
sample; a stopped run goes on where it was. The `result.json` of a test's samples are such records,
too: the folder of a test can stand for `--rows`. `learn` writes `checkpoints/sureness.json` (needs
scikit-learn). `report` judges records by the weights as they are now, which must not have been
learned from them, and says how fits end by blur rate. `compare` sets records of the same motions
by two renderers side by side.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from trust_figures import draw_reliability
from trust_records import Fitted, MaybeNumber, read_records
from trust_tables import comparison_table, joint_table, photo_table, stage_table

from datamodules.blur_folder import list_samples, read_sample
from hfb.app.configured import configured_model
from hfb.cli.display import Display
from hfb.errors import HfbError, InputError
from hfb.evaluate.records import record_of
from hfb.evaluate.trust.sureness import (
    FAR_MM,
    JOINT_SIGN_NAMES,
    SIGN_NAMES,
    SurenessModel,
    Weight,
    content_of,
    joint_values,
    photo_values,
)
from hfb.export import atomic_write

REPO = Path(__file__).resolve().parents[1]
SHIPPED = REPO / "checkpoints" / "sureness.json"


def measure(arguments: argparse.Namespace) -> None:
    """Fit the samples of a data set and keep their records."""
    refine = {"image_size": arguments.size, "texture_size": arguments.size // 2}
    settings = {"show_progress": False, "render": {"num_threads": 1}, **refine}
    pipeline = configured_model(None, settings).pipeline()
    arguments.rows.mkdir(parents=True, exist_ok=True)
    folders = list_samples(arguments.root)[: arguments.limit]
    display = Display()
    display.begin("fitting", len(folders))
    for number, folder in enumerate(folders, 1):
        path = arguments.rows / f"{folder.name}.json"
        if not path.is_file():
            sample = read_sample(folder).with_changes(sample_id=folder.name, estimate_path=None)
            try:
                results = pipeline.run([pipeline.initialise(sample)], ["hfb"])
                record = record_of(results[0])
            except HfbError as error:
                record = {"sample_id": folder.name, "fault": str(error)}
            with atomic_write(path) as part:
                part.write_text(json.dumps(record) + "\n")
        display.update(number)
    display.close()


def learn(arguments: argparse.Namespace) -> None:
    """Learn the weights of both regressions and write them."""
    fits = [fit for place in arguments.rows for fit in read_records(_place(place)[1])]
    if sum(fit.failed for fit in fits) < 5:
        raise InputError("fewer than 5 failures among the records: measure more, or harder photos")
    bias, signs = _learn_failures(fits, arguments.signs)
    draft = SurenessModel(bias, signs, {}, {}, {})
    joint_bias, joint_signs = _learn_joints(fits, draft, arguments.joint_signs)
    card = {
        "photos": len(fits),
        "failures": sum(fit.failed for fit in fits),
        "far_mm": FAR_MM,
        "of": sorted({fit.kind for fit in fits}),
    }
    model = SurenessModel(bias, signs, joint_bias, joint_signs, card)
    with atomic_write(arguments.output) as part:
        part.write_text(json.dumps(content_of(model), indent=1) + "\n")
    for name, weight in signs.items():
        print(f"{name:14} {weight.weight:+.2f} an e-fold from {np.exp(weight.centre):.3g}")
    for name, weight in joint_signs.items():
        print(f"joint's {name:10} {weight.weight:+.2f}")


def _learn_failures(fits: list[Fitted], names: list[str]) -> tuple[float, dict[str, Weight]]:
    """Logistic regression of failures on the signs; its penalty is cross-validated."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    values, centres = _filled([[photo_values(fit.signs)[name] for name in names] for fit in fits])
    scales = values.std(0).clip(1e-3)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    penalties = {"C": np.logspace(-1.5, 1.5, 7)}
    search = GridSearchCV(LogisticRegression(), penalties, cv=folds, scoring="neg_log_loss")
    search.fit((values - centres) / scales, [fit.failed for fit in fits])
    model = search.best_estimator_
    weights = model.coef_[0] / scales
    signs = {
        name: Weight(round(float(c), 4), round(float(w), 4))
        for name, c, w in zip(names, centres, weights, strict=True)
    }
    return round(float(model.intercept_[0]), 4), signs


def _learn_joints(
    fits: list[Fitted], draft: SurenessModel, signs: list[str]
) -> tuple[dict[str, float], dict[str, Weight]]:
    """Gamma regression of each joint's error: one level a joint, weights of signs shared by all."""
    from sklearn.linear_model import GammaRegressor

    joints = list(fits[0].joint_error_mm)[1:]
    rows: list[list[MaybeNumber]] = []
    errors, which = [], []
    for fit in fits:
        failure = {"failure": draft.failure_logit(fit.signs)}
        for number, name in enumerate(joints, 1):
            own = {**joint_values(fit.signs, number), **failure}
            rows.append([own[sign] for sign in signs])
            errors.append(max(fit.joint_error_mm[name], 1.0))
            which.append(number - 1)
    values, centres = _filled(rows)
    scales = values.std(0).clip(1e-3)
    design = np.hstack([(values - centres) / scales, np.eye(len(joints))[which]])
    model = GammaRegressor(alpha=1e-3, max_iter=2000).fit(design, errors)
    count = len(centres)
    weights = model.coef_[:count] / scales
    learned = {
        name: Weight(round(float(c), 4), round(float(w), 4))
        for name, c, w in zip(signs, centres, weights, strict=True)
    }
    levels = model.intercept_ + model.coef_[count:]
    return dict(zip(joints, (round(float(v), 4) for v in levels), strict=True)), learned


def _filled(rows: list[list[MaybeNumber]]) -> tuple[np.ndarray, np.ndarray]:
    """Values with what is not known at the mean of what is, and the means."""
    values = np.array([[np.nan if v is None else v for v in row] for row in rows])
    known = ~np.isnan(values)
    centres = np.where(known, values, 0.0).sum(0) / known.sum(0).clip(1)
    return np.where(known, values, centres), centres


def report(arguments: argparse.Namespace) -> None:
    """Tables and plot of records that nothing was learned from."""
    groups = {name: read_records(folder) for name, folder in map(_place, arguments.rows)}
    print(photo_table(groups))
    every = [fit for fits in groups.values() for fit in fits]
    print(joint_table(every))
    print(stage_table(every))
    if arguments.plot is not None:
        draw_reliability(arguments.plot, every)


def compare(arguments: argparse.Namespace) -> None:
    """The same motions by two renderers."""
    (one, first), (other, second) = map(_place, arguments.rows)
    print(comparison_table({one: read_records(first), other: read_records(second)}))


def _place(text: str) -> tuple[str, Path]:
    """Name and folder of `NAME=FOLDER`, or a folder alone."""
    name, equals, rest = text.partition("=")
    folder = Path(rest if equals else text)
    return (name if equals else folder.name), folder


def parse(args: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure")
    one.add_argument("--root", type=Path, required=True, help="a split of samples with truth")
    one.add_argument("--rows", type=Path, required=True, help="folder of the records")
    one.add_argument("--limit", type=int, help="only the first so many samples")
    one.add_argument("--size", type=int, default=256, help="of the crops, px")
    one.set_defaults(run=measure)
    two = commands.add_parser("learn")
    two.add_argument("--rows", nargs="+", required=True, help="folders of records")
    two.add_argument("--signs", nargs="+", choices=SIGN_NAMES, default=["start_mm"])
    two.add_argument(
        "--joint-signs", nargs="+", choices=(*JOINT_SIGN_NAMES, "failure"), default=["start_mm"]
    )
    two.add_argument("--output", type=Path, default=SHIPPED)
    two.set_defaults(run=learn)
    three = commands.add_parser("report")
    three.add_argument("--rows", nargs="+", required=True, help="NAME=FOLDER, several")
    three.add_argument("--plot", type=Path, help="the reliability plot, PNG")
    three.set_defaults(run=report)
    four = commands.add_parser("compare")
    four.add_argument("--rows", nargs=2, required=True, help="NAME=FOLDER twice: ours, the other's")
    four.set_defaults(run=compare)
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> None:
    """Do what is asked for."""
    torch.set_num_threads(1)
    arguments = parse(args)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
