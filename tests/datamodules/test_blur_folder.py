"""Sample folders: written, read back, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules import blur_folder
from datamodules.blur_folder import (
    BlurFolderDataModule,
    list_samples,
    read_sample,
    write_sample,
)
from hfb.errors import InputError
from hfb.formation import linear_to_srgb
from hfb.geometry import rotvec_to_rotmat
from hfb.structures import BlurSample, BodyIdentity, Camera, InitialEstimate, Target

BODY = BodyIdentity("free_body", "abc")


HEIGHT, WIDTH = 6, 10  # not a multiple of eight: the last byte of a row is half empty


@pytest.fixture
def sample(generator: torch.Generator) -> BlurSample:
    """Two frames with all that can be known, on the 16-bit grid so that files are exact."""

    def grid(*shape: int) -> torch.Tensor:
        return torch.randint(1, 65536, shape, generator=generator) / 65535

    rotvec = 0.3 * torch.randn(2, 3, 24, 3, generator=generator)
    target = Target(
        joints=torch.randn(2, 3, 24, 3, generator=generator),
        times=torch.arange(6.0).reshape(2, 3) / 60,
        pose_rotmat=rotvec_to_rotmat(rotvec),
        transl=torch.randn(2, 3, 3, generator=generator),
        betas=torch.randn(10, generator=generator),
        silhouettes=torch.rand(2, 3, HEIGHT, WIDTH, generator=generator) > 0.5,
    )
    return BlurSample(
        sample_id="walk-0",
        blurry=grid(2, 3, HEIGHT, WIDTH),
        background=grid(3, HEIGHT, WIDTH),
        alpha=grid(2, 1, HEIGHT, WIDTH),
        camera=Camera(torch.tensor([11.0, 12.0]), torch.tensor([5.0, 3.5]), HEIGHT, WIDTH),
        target=target,
        blur_rate=0.25,
        exposure=torch.tensor([[0.0, 0.02], [0.04, 0.06]]),
        fps=25.0,
        source="a test",
    )


@pytest.fixture
def change_record(tmp_path: Path, sample: BlurSample) -> Callable[..., Path]:
    """Write the sample, then change keys of its sample.json."""

    def change(**keys: object) -> Path:
        folder = write_sample(tmp_path / "s", sample, BODY)
        record = json.loads((folder / "sample.json").read_text()) | keys
        (folder / "sample.json").write_text(json.dumps(record))
        return folder

    return change


def test_round_trip(tmp_path: Path, sample: BlurSample) -> None:
    back = read_sample(write_sample(tmp_path / "s", sample, BODY))
    for name in ("blurry", "background", "alpha", "exposure"):
        torch.testing.assert_close(getattr(back, name), getattr(sample, name), rtol=0, atol=1e-7)
    for name in ("sample_id", "blur_rate", "fps", "source", "estimate", "estimate_path"):
        assert getattr(back, name) == getattr(sample, name)
    assert back.camera is not None
    assert sample.camera is not None
    torch.testing.assert_close(back.camera.focal, sample.camera.focal)
    torch.testing.assert_close(back.camera.principal_point, sample.camera.principal_point)
    assert (back.camera.height, back.camera.width) == (HEIGHT, WIDTH)
    for name in ("joints", "times", "transl", "betas", "silhouettes"):
        assert torch.equal(getattr(back.target, name), getattr(sample.target, name)), name
    assert back.target is not None
    assert sample.target is not None
    torch.testing.assert_close(back.target.pose_rotmat, sample.target.pose_rotmat)


def test_files_are_those_of_the_format(tmp_path: Path, sample: BlurSample) -> None:
    folder = write_sample(tmp_path / "s", sample, BODY)
    assert sorted(path.name for path in folder.iterdir()) == [
        "alpha_000.png",
        "alpha_001.png",
        "background.png",
        "blurry_000.png",
        "blurry_001.png",
        "sample.json",
        "target.npz",
    ]
    record = json.loads((folder / "sample.json").read_text())
    assert record["format"] == "hfb-blur"
    assert record["version"] == 1
    assert record["K"] == [[11, 0, 5], [0, 12, 3.5], [0, 0, 1]]
    assert record["body"] == {"name": "free_body", "sha256": "abc"}
    assert record["colour"] == "srgb"
    target = np.load(folder / "target.npz", allow_pickle=False)
    assert target["poses"].shape == (2, 3, 72)
    assert target["silhouettes"].shape == (2, 3, HEIGHT, 2)


def test_bare_sample_and_later_files(tmp_path: Path, sample: BlurSample) -> None:
    """Writing over a fuller sample leaves nothing of it."""
    write_sample(tmp_path / "s", sample, BODY)
    (tmp_path / "s" / "notes.txt").write_text("mine")
    bare = BlurSample("walk-0", sample.blurry[:1], sample.background)
    back = read_sample(write_sample(tmp_path / "s", bare, None))
    assert len(back.blurry) == 1
    assert back.alpha is None
    assert back.target is None
    assert back.camera is None
    assert back.blur_rate is None
    assert json.loads((tmp_path / "s" / "sample.json").read_text())["body"] is None
    assert (tmp_path / "s" / "notes.txt").exists()


def test_subset_of_joints_with_names(tmp_path: Path, sample: BlurSample) -> None:
    target = Target(torch.randn(1, 2, 3, 3), torch.rand(1, 2), joint_names=("a", "b", "c"))
    bare = BlurSample("x", sample.blurry[:1], sample.background, target=target)
    back = read_sample(write_sample(tmp_path / "s", bare, None)).target
    assert back is not None
    assert back.joint_names == ("a", "b", "c")
    assert torch.equal(back.joints, target.joints)
    assert back.pose_rotmat is None


def test_linear_files_come_back_as_srgb(
    change_record: Callable[..., Path], sample: BlurSample
) -> None:
    back = read_sample(change_record(colour="linear"))
    torch.testing.assert_close(back.background, linear_to_srgb(sample.background))


def test_estimate_file_travels_with_the_sample(tmp_path: Path, sample: BlurSample) -> None:
    (tmp_path / "e.npz").write_bytes(b"poses")
    folder = write_sample(
        tmp_path / "s", replace(sample, estimate_path=str(tmp_path / "e.npz")), BODY
    )
    back = read_sample(folder)
    assert back.estimate_path == str(folder / "estimate.hfbinit.npz")
    again = read_sample(write_sample(folder, back, BODY))  # its own file survives the clearing
    assert Path(str(again.estimate_path)).read_bytes() == b"poses"


def test_estimate_object_needs_its_writer(tmp_path: Path, sample: BlurSample) -> None:
    camera = Camera(torch.ones(2), torch.ones(2), HEIGHT, WIDTH)
    rotmat = torch.eye(3).expand(1, 24, 3, 3)
    estimate = InitialEstimate(
        torch.zeros(1, 10), rotmat, torch.zeros(1, 3), camera, torch.ones(1), BODY, "test"
    )
    sample = replace(sample, estimate=estimate)
    with pytest.raises(InputError, match="walk-0: pass write_estimate"):
        write_sample(tmp_path / "s", sample, BODY)
    written = []

    def write(path: Path, value: InitialEstimate) -> None:
        written.append((path.name, value))

    write_sample(tmp_path / "s", sample, BODY, write)
    assert written == [("estimate.hfbinit.npz", estimate)]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"format": "other"}, '"format": "hfb-blur"'),
        ({"version": 2}, "has version 2, this program reads version 1"),
        ({"fps": 0}, r"sample\.json: fps must be positive"),
        ({"exposure": [[0, 1]]}, "for each of the 2 frames"),
        ({"exposure": [[1, 0], [2, 3]]}, "exposure hold"),
        ({"K": [[1, 2], [3, 4]]}, r"K has the shape \(2, 2\)"),
        ({"blur_rate": "high"}, "blur_rate should be a number >= 0 or null, not 'high'"),
        ({"blur_rate": float("nan")}, "blur_rate should be a number >= 0"),
        ({"fps": float("inf")}, "fps must be positive"),
        ({"fps": 10**400}, "fps must be positive"),
        ({"blur_rate": 10**400}, "blur_rate should be a number >= 0"),
        ({"K": [[10**400, 0, 5], [0, 12, 3], [0, 0, 1]]}, "K holds values that are not finite"),
        ({"exposure": [[0, float("nan")], [2, 3]]}, "exposure hold"),
        ({"exposure": [[0, -1], [2, 3]]}, "exposure hold"),
        ({"K": [[1e9, 0, 5], [0, 1e9, 3], [0, 0, 1]]}, "K cannot belong to an image of 10 x 6"),
        ({"K": [[-11, 0, 5], [0, 12, 3], [0, 0, 1]]}, "K cannot belong"),
        ({"K": [[float("nan"), 0, 5], [0, 12, 3], [0, 0, 1]]}, "not finite"),
    ],
)
def test_bad_records(
    change_record: Callable[..., Path], keys: dict[str, object], message: str
) -> None:
    folder = change_record(**keys)
    with pytest.raises(InputError, match=message):
        read_sample(folder)


def test_missing_and_wrong_files(tmp_path: Path, sample: BlurSample) -> None:
    with pytest.raises(InputError, match=r"is no sample folder: no sample\.json \(looked for"):
        read_sample(tmp_path)
    folder = write_sample(tmp_path / "s", sample, BODY)
    (folder / "alpha_001.png").unlink()
    with pytest.raises(InputError, match="holds 2 blurry frames, but 1 mattes"):
        read_sample(folder)
    (folder / "blurry_000.png").unlink()
    with pytest.raises(InputError, match=r"found blurry_001\.png"):
        read_sample(folder)
    write_sample(folder, sample, BODY)
    Image.new("RGB", (WIDTH + 1, HEIGHT)).save(folder / "background.png")
    with pytest.raises(InputError, match=r"10 x 6 px, but background\.png is 11 x 6"):
        read_sample(folder)
    write_sample(folder, sample, BODY)
    (folder / "sample.json").write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        read_sample(folder)


def test_bad_targets(tmp_path: Path, sample: BlurSample) -> None:
    folder = write_sample(tmp_path / "s", sample, BODY)
    np.savez(folder / "target.npz", times=np.zeros((2, 3)))
    with pytest.raises(InputError, match="lacks the key 'joints'"):
        read_sample(folder)
    np.savez(folder / "target.npz", times=np.zeros((2, 3)), joints=np.zeros((2, 4, 24, 3)))
    with pytest.raises(InputError, match=r"joints in .* \(2, 4, 24, 3\), not \(2, 3, any, 3\)"):
        read_sample(folder)
    for key, values, message in (
        ("joints", np.full((2, 3, 24, 3), 1e30), r"joints\[0, 0, 0, 0\] is 1e\+30"),
        ("joints", np.ones((2, 3, 24, 3), bool), "joints does not hold numbers"),
        ("trans", np.full((2, 3, 3), -1e30), r"trans\[0, 0, 0\] is -1e\+30"),
        ("poses", np.full((2, 3, 72), 1e30), r"poses\[0, 0, 0\] is 1e\+30"),
        ("betas", np.full(10, 1e30), r"betas\[0\] is 1e\+30"),
        ("times", np.full((2, 3), np.nan), "times holds values that are not finite"),
    ):
        content = {"times": np.zeros((2, 3)), "joints": np.zeros((2, 3, 24, 3))} | {key: values}
        np.savez(folder / "target.npz", **content)
        with pytest.raises(InputError, match=message):
            read_sample(folder)
    (folder / "target.npz").write_text("no")
    with pytest.raises(InputError, match="not an npz that can be read"):
        read_sample(folder)


def test_a_stopped_write_leaves_no_sample(
    tmp_path: Path, sample: BlurSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sample(tmp_path / "s", sample, BODY)

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(blur_folder, "write_target", stop)
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "s", sample, BODY)
    with pytest.raises(InputError, match="is no sample folder"):
        read_sample(tmp_path / "s")


def test_invalid_name(tmp_path: Path, sample: BlurSample) -> None:
    with pytest.raises(InputError, match=r"sample_id '\.\./x' is not a valid folder name"):
        write_sample(tmp_path / "s", replace(sample, sample_id="../x"), BODY)


def test_data_module(tmp_path: Path, sample: BlurSample) -> None:
    for name in ("b", "a", "c"):
        write_sample(tmp_path / "test" / name, replace(sample, sample_id=name), BODY)
    (tmp_path / "test" / "not_a_sample").mkdir()
    assert [path.name for path in list_samples(tmp_path / "test")] == ["a", "b", "c"]
    data = BlurFolderDataModule(str(tmp_path), batch_size=2)
    batches = list(data.test_dataloader())
    assert [[s.sample_id for s in batch] for batch in batches] == [["a", "b"], ["c"]]
    assert data.transfer_batch_to_device(batches[0], torch.device("cpu"), 0) is batches[0]
    limited = BlurFolderDataModule(str(tmp_path), limit=1, use_alpha=False)
    ((only,),) = list(limited.test_dataloader())
    assert only.sample_id == "a"
    assert only.alpha is None


def test_no_samples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder of samples .*absent"):
        BlurFolderDataModule(str(tmp_path), split="absent").test_dataloader()
    with pytest.raises(InputError, match="holds no samples"):
        list_samples(tmp_path)
