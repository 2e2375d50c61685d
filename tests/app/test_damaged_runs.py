"""Folders of runs whose files are damaged: one line, or the sample is evaluated anew."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from evaluation_runs import evaluate, read_metrics

from hfb.app.output.folder import check_output
from hfb.app.output.kept import read_broken, read_config, read_record
from hfb.app.output.result_store import ResultStore
from hfb.cli.trainer_checks import check_devices
from hfb.errors import InputError

DEEP = "[" * 50_000


@pytest.fixture
def run(undisturbed: Path, tmp_path: Path) -> Path:
    """A finished run that a test may damage."""
    return Path(shutil.copytree(undisturbed, tmp_path / "run"))


def damaged_records(good: dict) -> dict[str, str]:
    """Texts of `result.json` that are none, by what is wrong with them."""

    def without(*keys: str) -> str:
        record = json.loads(json.dumps(good))
        place = record
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]
        return json.dumps(record)

    def changed(**values: object) -> str:
        return json.dumps(good | values)

    first = next(iter(good["methods"]))
    return {
        "no JSON": json.dumps(good)[:200],
        "no JSON ": "",
        "no JSON  ": "\x00\x01",
        "no JSON   ": DEEP,
        "no JSON object": "[1, 2]",
        "it is not this sample's": changed(sample_id="other"),
        "no methods": without("methods"),
        "no methods ": changed(methods=[]),
        "no digest": without("digest"),
        "no frames": changed(frames="one"),
        "no frames or blur_rate": changed(blur_rate="fast"),
        "metrics are missing": without("initial", "iou"),
        "metrics are missing ": without("methods", first, "mpjpe_mm"),
        "no seconds": without("methods", first, "seconds"),
        "mpjpe_mm is no number": changed(
            methods={first: good["methods"][first] | {"mpjpe_mm": float("nan")}}
        ),
        "metrics are missing  ": changed(unlifted={}),
    }


def test_records_that_are_damaged_say_how(run: Path) -> None:
    path = run / "samples" / "s0" / "result.json"
    good = json.loads(path.read_text())
    assert read_record(path) == good
    for message, text in damaged_records(good).items():
        path.write_text(text)
        with pytest.raises(ValueError, match=message.strip()):
            read_record(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no JSON"):
        read_record(path)


def test_notes_that_are_damaged_say_how(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    for text in ("", "{}", "[]", DEEP, '{"sample_id": 1, "reason": "", "kind": ""}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"no JSON|it should hold"):
            read_broken(path)


@pytest.mark.usefixtures("light")
def test_a_damaged_sample_is_evaluated_anew_and_said(
    data: Path, run: Path, undisturbed: Path, capsys: pytest.CaptureFixture
) -> None:
    """The tables end the same; what could not be read is named in one line each."""
    (run / "samples" / "s2" / "result.json").write_text('{"sample_id": "s2"')
    (run / "unusable").mkdir(exist_ok=True)
    (run / "unusable" / "s1.json").write_text("not a note")
    capsys.readouterr()
    evaluate(data, run)
    said = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert [line.split(" is damaged")[0].split("/")[-1] for line in said] == ["result.json"]
    assert "the sample is evaluated anew" in said[0]
    assert read_metrics(run)["unusable"]["count"] == 0
    assert (run / "metrics.json").read_bytes() == (undisturbed / "metrics.json").read_bytes()


BOMB = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "\n".join(
    f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join(['*' + chr(97 + k)] * 9)}]" for k in range(9)
)


@pytest.mark.parametrize(
    "text",
    [b"", b"\x00\xff\xfe", b"model: [", b"- 1", DEEP.encode(), b"a: &a {b: *a}", BOMB.encode()],
)
def test_a_damaged_configuration_is_one_line(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "config.yaml").write_bytes(text)
    with pytest.raises(InputError, match=r"config\.yaml, the configuration that .* cannot be read"):
        ResultStore(tmp_path).open("model: {body: free_body}\n")
    assert (tmp_path / "config.yaml").read_bytes() == text


def test_names_that_are_no_text_are_kept_in_a_configuration() -> None:
    config = {"data": {"image": os.fsdecode(b"ph\xffoto.png")}}
    assert read_config(yaml.safe_dump(config)) == config


def test_what_stands_in_the_way_of_results_is_found_out_at_once(tmp_path: Path) -> None:
    check_output(tmp_path)
    (tmp_path / "samples").touch()
    with pytest.raises(InputError, match="samples is no folder; choose another output folder"):
        check_output(tmp_path)
    (tmp_path / "samples").unlink()
    (tmp_path / "samples").symlink_to(tmp_path / "samples")
    with pytest.raises(InputError, match="samples is no folder"):
        check_output(tmp_path)
    (tmp_path / "samples").unlink()
    (tmp_path / "per_sample.csv").mkdir()
    with pytest.raises(InputError, match=r"per_sample\.csv is no file"):
        check_output(tmp_path)
    (tmp_path / "per_sample.csv").rmdir()
    for content in (b"\xff\xfe\x00,\x00", b"a,b\n1,2\n"):
        (tmp_path / "per_sample.csv").write_bytes(content)
        with pytest.raises(InputError, match=r"per_sample\.csv (cannot be read|is no table)"):
            check_output(tmp_path)


@pytest.mark.parametrize("devices", [0, -1, 3, 99, "99", "-1", "many", [0, 1, 2], "0,1"])
def test_more_processes_than_processors_are_refused(
    devices: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hfb.cli.trainer_checks.count_processors", lambda: 2)
    with pytest.raises(InputError, match=r"trainer\.devices .* 2 processors here; give 1 to 2"):
        check_devices(devices)


@pytest.mark.parametrize("devices", [1, 2, "2", "auto"])
def test_as_many_processes_as_processors_are_fine(
    devices: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hfb.cli.trainer_checks.count_processors", lambda: 2)
    check_devices(devices)
    check_devices(devices, "auto")


def test_tasks_of_slurm_have_been_counted_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of eight tasks of a machine may be confined to two of its processors."""
    monkeypatch.setattr("hfb.cli.trainer_checks.count_processors", lambda: 2)
    monkeypatch.setenv("SLURM_PROCID", "5")
    check_devices(8)
