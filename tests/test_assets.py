import hashlib
import http.client
import io
import tarfile
import urllib.error

import pytest

from hfb import assets
from hfb.assets import fetch, find, folders
from hfb.assets.__main__ import main
from hfb.errors import AssetCorruptError, AssetNotFoundError, HfbError, InputError

NAMES = ("one.tflite", "two.tflite")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two small assets, and all places inside the test's folder."""
    known = {
        name: assets.Asset(
            name=name,
            sha256=hashlib.sha256(name.encode()).hexdigest(),
            licence="Apache-2.0",
            package_member=f"package/{name}",
            bundle_member=name,
            what="a test file",
        )
        for name in NAMES
    }
    monkeypatch.setattr(find, "ASSETS", known)
    monkeypatch.setattr(folders, "checkpoints_dir", lambda: tmp_path / "checkpoints")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HFB_ASSETS", str(tmp_path / "own"))
    monkeypatch.delenv("HFB_OFFLINE", raising=False)
    for name in ("checkpoints", "cache/hfb", "own"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    def fail(*args: object) -> None:
        raise fetch._SourceError("no network here")

    monkeypatch.setattr(fetch, "_from_npm", fail)
    monkeypatch.setattr(fetch, "_from_bundle", fail)


def put(folder, name, content=None):
    (folder / name).write_bytes(name.encode() if content is None else content)
    return folder / name


def fake_npm(monkeypatch, contents):
    """Let `npm pack` leave an archive with these files."""

    def pack(command, label):
        target = command[command.index("--pack-destination") + 1]
        with tarfile.open(f"{target}/package.tgz", "w:gz") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(f"package/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))

    monkeypatch.setattr(fetch.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(fetch, "_run_with_progress", pack)


def test_places_are_searched_in_order(places, no_network):
    name = NAMES[0]
    for place in ("cache/hfb", "checkpoints", "own"):
        expected = put(places / place, name)
        assert assets.find_asset(name) == expected


def test_a_given_path_wins_and_may_be_another_file(places, no_network):
    put(places / "own", NAMES[0])
    mine = put(places, "mine.bin", b"my own network")
    assert assets.find_asset(NAMES[0], mine) == mine
    assert assets.find_asset(NAMES[0], places / "own") == places / "own" / NAMES[0]
    with pytest.raises(AssetNotFoundError, match="the place that was given"):
        assets.find_asset(NAMES[0], places / "absent.bin")


def test_files_that_nobody_can_fetch(places, no_network):
    path = put(places / "checkpoints", "pose_prior.npz", b"anything")
    assert assets.find_asset("pose_prior.npz") == path
    with pytest.raises(AssetNotFoundError, match=r"other\.npz was not found; looked in .*own"):
        assets.find_asset("other.npz")


def test_missing_files_name_places_licence_and_command(places, no_network):
    with pytest.raises(AssetNotFoundError) as caught:
        assets.find_asset(NAMES[0])
    message = str(caught.value)
    for part in (NAMES[0], "Apache-2.0", "checkpoints", "python -m hfb.assets fetch", "no network"):
        assert part in message


def test_offline_never_fetches(places, monkeypatch):
    def forbidden(wanted: object) -> None:
        pytest.fail("fetched although HFB_OFFLINE is set")

    monkeypatch.setattr(find, "fetch", forbidden)
    monkeypatch.setenv("HFB_OFFLINE", "1")
    with pytest.raises(AssetNotFoundError, match="HFB_OFFLINE"):
        assets.find_asset(NAMES[0])
    put(places / "cache/hfb", NAMES[0])
    assert assets.find_asset(NAMES[0]).is_file()


def test_faults_of_the_set_up_are_no_faults_of_a_sample():
    """A run over a data set stops at them; what is wrong with one sample is an InputError."""
    for kind in (AssetNotFoundError, AssetCorruptError):
        assert issubclass(kind, HfbError)
        assert not issubclass(kind, InputError | ValueError)


def test_damaged_files_are_refused(places, no_network):
    put(places / "own", NAMES[0], b"damaged")
    with pytest.raises(AssetCorruptError, match=r"sha256 .*expected"):
        assets.find_asset(NAMES[0])


def test_fetched_once_into_the_cache(places, monkeypatch):
    fake_npm(monkeypatch, {name: name.encode() for name in NAMES})
    path = assets.find_asset(NAMES[0])
    assert path == places / "cache/hfb" / NAMES[0]
    assert path.read_bytes() == NAMES[0].encode()
    monkeypatch.setattr(fetch.shutil, "which", lambda name: None)
    assert assets.find_asset(NAMES[0]) == path
    # nothing half-finished stays behind
    assert [p.name for p in path.parent.iterdir()] == [NAMES[0]]


def test_a_changed_package_is_not_stored(places, monkeypatch):
    fake_npm(monkeypatch, {name: b"something else" for name in NAMES})

    def fail(*args: object) -> None:
        raise fetch._SourceError("publisher not reachable")

    monkeypatch.setattr(fetch, "_from_bundle", fail)
    with pytest.raises(AssetNotFoundError, match=r"another one\.tflite than the tested one"):
        assets.find_asset(NAMES[0])
    assert list((places / "cache/hfb").iterdir()) == []


def test_bundle_is_the_second_source(places, monkeypatch):
    import zipfile

    def download(url, target):
        with zipfile.ZipFile(target, "w") as archive:
            for name in NAMES:
                archive.writestr(name, name.encode())

    monkeypatch.setattr(fetch.shutil, "which", lambda name: None)
    monkeypatch.setattr(fetch, "_download", download)
    assert assets.find_asset(NAMES[1]).read_bytes() == NAMES[1].encode()


def test_command_line(places, monkeypatch, capsys):
    fake_npm(monkeypatch, {name: name.encode() for name in NAMES})
    main(["list"])
    assert capsys.readouterr().out.count("not here yet") == 2
    main(["fetch"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == list(NAMES)


def test_command_line_reports_failure_in_one_line(places, no_network, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fetch"])
    assert stop.value.code == 2
    output = capsys.readouterr()
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1


def test_slow_commands_report_progress_and_failures(capsys):
    import subprocess
    import sys

    fetch._run_with_progress([sys.executable, "-c", "import time; time.sleep(2.5)"], "label")
    assert "label: 2 s" in capsys.readouterr().err
    with pytest.raises(subprocess.CalledProcessError):
        fetch._run_with_progress([sys.executable, "-c", "raise SystemExit(3)"], "label")


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (urllib.error.URLError(OSError(-3, "Temporary failure in name resolution")), "offline"),
        (TimeoutError("timed out"), "offline"),
        (ConnectionResetError(104, "Connection reset by peer"), "offline"),
        (urllib.error.HTTPError("u", 403, "Forbidden", {}, None), "answers 403 Forbidden"),
        (http.client.IncompleteRead(b""), "sends is no model bundle"),
    ],
)
def test_no_connection_is_called_so(places, monkeypatch, error, wanted):
    def download(url, target):
        raise error

    monkeypatch.setattr(fetch.shutil, "which", lambda name: None)
    monkeypatch.setattr(fetch, "_download", download)
    with pytest.raises(AssetNotFoundError) as caught:
        assets.find_asset(NAMES[0])
    message = str(caught.value)
    assert ("there is no connection" in message) == (wanted == "offline")
    assert wanted == "offline" or wanted in message
    for part in (NAMES[0], "npm is not installed", "storage.googleapis.com", "copy the cache"):
        assert part in message
    assert list((places / "cache/hfb").iterdir()) == []


def test_what_another_run_has_fetched_meanwhile_is_not_fetched_again(places, monkeypatch):
    def other_run(cache, missing):
        pytest.fail("fetched twice")

    monkeypatch.setattr(fetch, "_fetch_into", other_run)
    put(places / "cache/hfb", NAMES[0])
    fetch.fetch([find.ASSETS[NAMES[0]]])
