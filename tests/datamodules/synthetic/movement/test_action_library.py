import pytest

from datamodules.synthetic.movement import action_library
from datamodules.synthetic.movement.action_library import load_library
from hfb.errors import InputError


def test_unknown_angles_are_named(tmp_path, monkeypatch):
    bad = tmp_path / "actions.yaml"
    bad.write_text("poses: {standing: {wing: 3}}\nactions: {}\n")
    monkeypatch.setattr(action_library, "LIBRARY_FILE", bad)
    with pytest.raises(InputError, match="standing: no angle is called 'wing'"):
        load_library.__wrapped__()
