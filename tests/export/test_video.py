from pathlib import Path

import av
import numpy as np
import pytest
import torch

from hfb.errors import InputError
from hfb.export import write_video
from hfb.export.video import playing_order


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames)


def test_plays_forward_and_back_in_the_right_colours(tmp_path: Path) -> None:
    colours = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.2, 0.9]])
    frames = colours[:, :, None, None].expand(3, 3, 32, 48)
    write_video(tmp_path / "a.mp4", frames, fps=12.5)
    stored = decode(tmp_path / "a.mp4")
    assert stored.shape == (4, 32, 48, 3)
    expected = 255 * colours[[0, 1, 2, 1]].numpy()
    np.testing.assert_allclose(stored.mean(axis=(1, 2)), expected, atol=4)


def test_odd_sizes_are_padded_and_the_format_plays_everywhere(tmp_path: Path) -> None:
    frames = torch.linspace(0, 1, 3)[:, None, None, None].expand(3, 3, 33, 47)
    write_video(tmp_path / "a.mp4", frames, fps=24.0, there_and_back=False, repeats=2)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == (34, 48)
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.name == "h264"
        assert float(stream.average_rate) == 24.0
        assert sum(1 for _ in container.decode(video=0)) == 6


def test_playing_order() -> None:
    assert playing_order(4) == [0, 1, 2, 3, 2, 1]
    assert playing_order(4, there_and_back=False) == [0, 1, 2, 3]
    assert playing_order(2) == [0, 1]
    assert playing_order(1) == [0]


def test_bad_input_leaves_no_file(tmp_path: Path) -> None:
    good = torch.zeros(2, 3, 16, 16)
    with pytest.raises(InputError, match="no frames, or NaN"):
        write_video(tmp_path / "a.mp4", good[:0])
    with pytest.raises(InputError, match="no frames, or NaN"):
        write_video(tmp_path / "a.mp4", good / 0)
    with pytest.raises(InputError, match=r"fps \(0\.0\)"):
        write_video(tmp_path / "a.mp4", good, fps=0.0)
    with pytest.raises(InputError, match=r"\.mp4, not a\.avi"):
        write_video(tmp_path / "a.avi", good)
    assert list(tmp_path.iterdir()) == []


def test_the_index_stands_before_the_images(tmp_path: Path) -> None:
    """Or a browser plays nothing before it has the last byte."""
    write_video(tmp_path / "a.mp4", torch.rand(4, 3, 32, 48), fps=12.0)
    content = (tmp_path / "a.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
