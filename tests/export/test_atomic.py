from pathlib import Path

import pytest

from hfb.errors import InputError
from hfb.export import atomic_write


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
