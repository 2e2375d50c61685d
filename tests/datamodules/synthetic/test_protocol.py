"""The test sets as recipes: bins, subjects, what cannot be."""

from pathlib import Path

import numpy as np
import pytest

from datamodules.mocap.clip import MocapClip, split_of_subject
from datamodules.synthetic.protocol import MotionLibrary, Recipe, plan_in_bin
from datamodules.synthetic.writer import slots_of
from hfb.errors import InputError
from hfb.formation import BLUR_RATE_BINS


@pytest.mark.parametrize("number", [0, 2, 4])
def test_bins_hold_what_they_say(recipe: Recipe, number: int) -> None:
    plan = plan_in_bin(recipe, number, 0)
    low, high = BLUR_RATE_BINS["table1"][number : number + 2]
    assert low <= plan.blur_rate < high
    shot = plan.shot
    frames = shot.window.duration * 120
    assert frames == pytest.approx(round(frames), abs=1e-6)
    assert 5 <= round(frames) <= 60
    assert plan.settings.subframes_of(shot.window.duration) == 5 * round(frames)
    facing = plan.target.pose_rotmat[0, 0, 0, :, 2]
    assert facing[2] < -0.4  # towards the camera


def test_library_gives_only_the_wanted_subjects(mocap: Path) -> None:
    rng = np.random.default_rng(0)
    both = {MotionLibrary(mocap, "all").draw(rng, 1.0).subject for _ in range(20)}
    assert both == {"01", "02"}
    train = {MotionLibrary(mocap, "train").draw(rng, 1.0).subject for _ in range(20)}
    assert train == {s for s in both if split_of_subject(s) == "train"}
    if train == both:
        with pytest.raises(InputError, match="no motion capture of val subjects"):
            MotionLibrary(mocap, "val")
    with pytest.raises(InputError, match="without a break"):
        MotionLibrary(mocap, "all").draw(rng, 60.0)


def test_library_of_several_folders_and_collections(mocap: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    steps = np.round(rng.normal(size=(300, 75)).cumsum(0)).astype(np.int64)
    second = np.diff(steps, n=2, axis=0)
    for name in ("one", "two"):  # two packs in a folder are no thousands of recordings
        np.savez(
            tmp_path / f"{name}.npz",
            **{
                f"{name}/h": steps[:2].astype(np.int32),
                f"{name}/d": (second >> 8).astype(np.int8).T,
                f"{name}/l": (second & 255).astype(np.uint8).T,
                f"{name}/n": np.array([300, 120.0]),
                f"{name}/v": np.packbits(np.ones(300, bool)),
            },
        )
    library = MotionLibrary((mocap, tmp_path), "all")
    assert {library.draw(rng, 1.0).subject for _ in range(60)} == {"01", "02", "one", "two"}


def test_held_out_clips_of_the_manifest(shared_data: Path) -> None:
    library = MotionLibrary(shared_data / "mocap", "val")
    rng = np.random.default_rng(0)
    clips: list[MocapClip] = [library.draw(rng, 1.0) for _ in range(40)]
    assert {clip.subject for clip in clips} == {"07", "94", "104", "131"}


def test_recipes_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bt_amass needs motion capture"):
        Recipe(protocol="bt_amass")
    with pytest.raises(InputError, match="increasing edges"):
        Recipe(bins=(0.2, 0.1))
    with pytest.raises(InputError, match="no textures"):
        Recipe(texture_folder=tmp_path)
    with pytest.raises(InputError, match="one a bin"):
        slots_of(1, [1, 2], Recipe())
    with pytest.raises(InputError, match="nothing to make"):
        slots_of(0, None, Recipe())
