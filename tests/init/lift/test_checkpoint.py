"""The lifting network's file."""

import pytest
import torch
from detector_outputs import as_input, random_output

from hfb.errors import InputError
from hfb.init.lift.checkpoint import load_lifting, save_lifting
from hfb.init.lift.encoding import LiftingInput


def test_a_network_comes_back_from_its_file(network, body, tmp_path):
    path = tmp_path / "lifting.ckpt"
    save_lifting(network, path, {"body": "free_body", "parents": list(body.parents)})
    assert path.stat().st_size < 10e6
    again, card = load_lifting(path)
    assert card["body"] == "free_body"
    seen = as_input(random_output(7))
    seen = LiftingInput(
        **{
            name: value.float() if value.is_floating_point() else value
            for name, value in vars(seen).items()
        }
    )
    torch.testing.assert_close(again(seen).rotmat, network(seen).rotmat, atol=5e-3, rtol=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no checkpoint at all", "cannot be read as a lifting network"),
        ({"format": "hfb-motion-prior"}, "is not a lifting network"),
        (
            {"format": "hfb-lifting", "version": 99, "settings": {}, "card": {}, "state": {}},
            "has version 99",
        ),
        (
            {"format": "hfb-lifting", "version": 1, "settings": {}, "card": {}, "state": {}},
            "has version 1; version 2 is known",
        ),
        (
            {"format": "hfb-lifting", "version": 2, "settings": {"a": 1}, "card": {}, "state": {}},
            "settings",
        ),
    ],
)
def test_wrong_files_are_refused_with_one_line(tmp_path, content, message):
    path = tmp_path / "lifting.ckpt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(InputError, match=message):
        load_lifting(path)


def test_weights_of_another_size_are_refused(network, tmp_path, body):
    path = tmp_path / "lifting.ckpt"
    save_lifting(network, path, {"parents": list(body.parents)})
    content = torch.load(path, weights_only=True)
    content["settings"]["width"] = 64
    torch.save(content, path)
    with pytest.raises(InputError, match="weights do not fit"):
        load_lifting(path)
