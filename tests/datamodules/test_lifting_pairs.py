"""The command that writes pairs."""

import pytest

from datamodules.lifting_pairs import main


def test_the_command_refuses_what_it_cannot_do(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([f"--mocap={tmp_path}", f"--output={tmp_path / 'o'}", "--count=0"])
    assert "at least one pair" in capsys.readouterr().err
    folder = tmp_path / "o"
    folder.mkdir()
    (folder / "recipe.json").write_text("{}")
    with pytest.raises(SystemExit):
        main([f"--mocap={tmp_path}", f"--output={folder}", "--count=1"])
    assert "pairs of another recipe" in capsys.readouterr().err
