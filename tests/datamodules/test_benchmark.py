"""The built-in benchmark is made once, by the generator's own command."""

from pathlib import Path

import pytest

from datamodules.benchmark import BenchmarkDataModule
from datamodules.synthetic import command as synthetic_command


def test_built_in_samples_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls = []

    def generate(command: synthetic_command.Command, console: object) -> list:
        calls.append(command)
        command.output.mkdir(parents=True, exist_ok=True)
        if len(calls) == 1:
            raise KeyboardInterrupt  # stopped midway: the next run goes on
        return []

    monkeypatch.setattr(synthetic_command, "generate", generate)
    with pytest.raises(KeyboardInterrupt):
        BenchmarkDataModule().prepare_data()
    for _ in range(2):
        BenchmarkDataModule().prepare_data()
    assert len(calls) == 2
    assert calls[0].output == calls[1].output
    assert tmp_path in calls[0].output.parents
    assert (calls[0].protocol, calls[0].per_bin) == ("procedural", 1)


def test_a_folder_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    module = BenchmarkDataModule(str(tmp_path))
    module.prepare_data()
    assert not list(tmp_path.iterdir())
    assert module.root == str(tmp_path)
