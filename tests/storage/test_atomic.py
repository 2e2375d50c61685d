import os
import subprocess
import sys
from pathlib import Path

import pytest

from hfb.errors import InputError
from hfb.storage import atomic_folder, atomic_write, unfinished
from hfb.storage.unfinished import ASIDE, PART, discard_unfinished, new_name, tidy


def write_half(path: Path, stop: BaseException) -> None:
    with atomic_write(path) as part:
        part.write_text("half")
        raise stop


def test_success_renames_and_leaves_only_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as part:
        assert part.suffix == ".txt"
        assert part.parent == path.parent
        part.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_failure_midway_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        write_half(tmp_path / "a.txt", RuntimeError("stopped"))
    assert list(tmp_path.iterdir()) == []


def test_failure_midway_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_half(path, KeyboardInterrupt())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_unwritable_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / "file" / "a.txt"
    with pytest.raises(InputError, match=r"cannot write .*file/a\.txt: .*exists.*output folder"):
        write_half(path, AssertionError("the folder was not checked before writing"))


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "sample"
    with atomic_folder(target) as one, atomic_folder(target) as two:
        assert one != two
        (one / "a").write_text("one")
        (two / "a").write_text("two")
    assert (target / "a").read_text() == "one"  # the one that ended last
    assert list(tmp_path.iterdir()) == [target]


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / ("x" * 255)) as part:
        (part / "a").touch()
    with atomic_write(tmp_path / ("y" * 255)) as part:
        part.touch()
    with atomic_write(tmp_path / ("a." + "z" * 253)) as part:
        part.touch()
    assert len(list(tmp_path.iterdir())) == 3


def test_the_old_folder_stays_until_the_new_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "sample"
    target.mkdir()
    (target / "a").write_text("old")
    replace, moves = os.replace, []

    def fails_at_the_second(source: Path, place: Path) -> None:
        moves.append(place)
        if len(moves) == 2:
            raise PermissionError(13, "a viewer has it open")
        replace(source, place)

    monkeypatch.setattr(os, "replace", fails_at_the_second)
    with pytest.raises(InputError, match=r"cannot write results to .*a viewer has it open"):
        _make_new(target)
    assert moves[1] == target
    assert (target / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    _make_new(target)
    assert (target / "a").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_what_dead_writers_leave_is_cleared_and_what_they_put_aside_is_back(
    tmp_path: Path,
) -> None:
    script = (
        "import os, sys; from pathlib import Path; from hfb.storage.unfinished import *\n"
        "from hfb.storage.unfinished import new_name\n"
        "folder = Path(sys.argv[1])\n"
        "new_name(folder, '.part').mkdir(); new_name(folder, '.part', '.png').touch()\n"
        "aside = new_name(folder, '.aside'); (aside / 'sample').mkdir(parents=True)\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    alive = new_name(tmp_path, PART)
    alive.mkdir()
    foreign = tmp_path / f"{PART}-00000000-1-abcdabcd"  # another machine's
    foreign.mkdir()
    assert len(list(tmp_path.iterdir())) == 5
    unfinished._tidied.clear()
    tidy(tmp_path)
    assert set(tmp_path.iterdir()) == {alive, foreign, tmp_path / "sample"}
    discard_unfinished()
    assert set(tmp_path.iterdir()) == {foreign, tmp_path / "sample"}


def test_a_process_that_ends_at_once_takes_its_halves_along(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    aside = new_name(tmp_path, ASIDE)
    aside.mkdir()
    os.replace(tmp_path / "old", aside / "old")
    new_name(tmp_path, PART).mkdir()
    discard_unfinished()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def _make_new(target: Path) -> None:
    with atomic_folder(target) as part:
        (part / "a").write_text("new")
