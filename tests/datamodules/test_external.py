"""The command that converts other tools' poses."""

import numpy as np
import pytest

from datamodules.external import main
from hfb.body import load_body
from hfb.init import read_timed_estimates


def test_a_file_is_written_or_one_line_says_why_not(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["external"])
    source, out = tmp_path / "x_cliff_hr48.npz", tmp_path / "e" / "sample" / "poses.hfbinit.npz"
    np.savez(
        source,
        pose=np.zeros((4, 72)),
        shape=np.zeros((4, 10)),
        global_t=np.tile([0.0, 0.0, 4.0], (4, 1)),
        focal_l=np.full(4, 800.0),
    )
    given = ["--tool=cliff", f"--source={source}", f"--output={out}", "--width=64"]
    main([*given, "--height=48", "--num_photos=2"])
    assert str(out) in capsys.readouterr().out.replace("\n", "")
    found = read_timed_estimates(out, load_body(), (48, 64))
    assert [item.frame for item in found] == [0, 0, 1, 1]
    for mistake in (["--height=48", "--num_photos=3"], []):
        with pytest.raises(SystemExit) as stop:
            main([*given, *mistake])
        assert stop.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
