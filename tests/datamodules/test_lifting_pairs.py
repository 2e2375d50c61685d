"""The command that writes pairs."""

import os
from concurrent.futures import Future

import pytest

from datamodules import lifting_pairs
from datamodules.lifting_pairs import main
from hfb.errors import InputError


def test_the_command_refuses_what_it_cannot_do(tmp_path, capsys, monkeypatch):
    with pytest.raises(SystemExit):
        main([f"--mocap={tmp_path}", f"--output={tmp_path / 'o'}", "--count=0"])
    assert "count must be a whole number from 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([f"--mocap={tmp_path}", f"--output={tmp_path / 'o'}", "--count=1"])
    assert "no motion capture under" in capsys.readouterr().err
    monkeypatch.setattr(lifting_pairs, "iterate_mocap", lambda path, **_: iter([None]))
    folder = tmp_path / "o"
    folder.mkdir()
    (folder / "recipe.json").write_text("{}")
    with pytest.raises(SystemExit):
        main([f"--mocap={tmp_path}", f"--output={folder}", "--count=1"])
    assert "pairs of another recipe" in capsys.readouterr().err


class Pool:
    """Stands for a pool of processes and does nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, *job):
        done = Future()
        done.set_result(None)
        return done


def test_workers_are_counted_on_systems_that_confine_no_process(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    asked = []

    def pool_of(workers):
        asked.append(workers)
        return Pool()

    monkeypatch.setattr(lifting_pairs, "worker_pool", pool_of)
    monkeypatch.setattr(lifting_pairs, "iterate_mocap", lambda path, **_: iter([None]))
    main([f"--mocap={tmp_path}", f"--output={tmp_path / 'o'}", "--count=2000"])
    assert asked == [3]


class HerePool(Pool):
    """Stands for a pool of processes and works in this one."""

    def submit(self, job, *args):
        done = Future()
        try:
            done.set_result(job(*args))
        except InputError as error:
            done.set_exception(error)
        return done


def test_motion_that_cannot_be_had_is_an_error_of_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lifting_pairs, "worker_pool", lambda workers: HerePool())
    with pytest.raises(SystemExit) as stop:
        main([f"--mocap={tmp_path / 'none'}", f"--output={tmp_path / 'o'}", "--count=1"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
