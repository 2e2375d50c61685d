"""CAPE's scans in their published layout."""

from pathlib import Path

import numpy as np
import pytest
import torch
from recordings import waving

from datamodules.synthetic.cape import CapeClothes, CapeData, fit_betas
from datamodules.synthetic.clothes import draw_garments
from datamodules.synthetic.protocol import Recipe, plan_in_bin
from hfb.body import SmplBody
from hfb.body.kinematics import joint_frames
from hfb.errors import InputError
from hfb.formation import BLUR_RATE_BINS
from hfb.geometry import rotvec_to_rotmat
from hfb.structures import BodyParams


def write_cape(root: Path, body: SmplBody, num_frames: int = 75) -> Path:
    """A CAPE folder as published, on the free body's mesh; one frame is damaged."""
    betas = torch.linspace(-0.5, 0.5, 10)
    naked, rest = body.shape(betas)
    folder = root / "sequences" / "00032" / "shortlong_wave"
    folder.mkdir(parents=True)
    (root / "minimal_body_shape" / "00032").mkdir(parents=True)
    (root / "misc").mkdir()
    np.save(root / "minimal_body_shape" / "00032" / "00032_minimal.npy", naked.numpy())
    np.save(root / "misc" / "smpl_tris.npy", body.faces.numpy())
    poses = torch.from_numpy(waving(num_frames, 60.0, 1.5)).float()
    poses[:, 0] = 0.0  # CAPE's world is y-up
    garments = draw_garments(body, betas, np.random.default_rng(0)).thickness[:, None]
    for k in range(num_frames):
        offset = garments * torch.tensor([1.0, 0.2 + 0.001 * k, 0.5])
        rotmat = rotvec_to_rotmat(poses[k].reshape(1, 24, 3))
        transl = torch.tensor([[0.01 * k, 0.1, 0.3]])
        params = BodyParams(betas[None], rotmat, transl)
        turned = joint_frames(rotmat, rest[None], body.parents).rotmat[0].flatten(-2)
        turned = (body.weights @ turned).unflatten(-1, (3, 3))
        posed = body(params).verts[0] + (turned @ offset.unsqueeze(-1))[..., 0]
        np.savez(
            folder / f"shortlong_wave.{k + 1:06d}.npz",
            v_cano=(naked + offset).numpy(),
            v_posed=posed.numpy(),
            pose=poses[k].numpy(),
            transl=transl[0].numpy(),
        )
    (folder / "shortlong_wave.000075.npz").write_bytes(b"PK")
    return root


def test_cape_is_read_as_published(body: SmplBody, tmp_path: Path) -> None:
    data = CapeData.find(write_cape(tmp_path, body), body)
    stretch, clothes = data.draw(body, np.random.default_rng(0), 1.0)
    assert isinstance(clothes, CapeClothes)
    assert stretch.name == "00032_shortlong_wave"
    naked, _ = body.shape(clothes.betas)
    torch.testing.assert_close(clothes.betas, torch.linspace(-0.5, 0.5, 10), atol=1e-3, rtol=0)
    times = torch.arange(5) / 60
    rotmat, transl = stretch.window(body, clothes.betas, times)
    params = BodyParams(clothes.betas[None], rotmat, transl)
    verts = body(params).verts + clothes.offsets(body, params, times)
    folder = data.sequences[0]
    files = sorted(folder.glob("*.npz"))
    wanted = torch.from_numpy(np.stack([np.load(f)["v_posed"] for f in files[:5]]))
    # The same shape, moved so that its lowest point of the stretch touches the ground.
    shift = wanted[0].mean(0) - verts[0].mean(0)
    torch.testing.assert_close(verts + shift, wanted, atol=2e-4, rtol=0)
    torch.testing.assert_close(fit_betas(body, naked), clothes.betas, atol=1e-4, rtol=0)


def test_cape_samples_and_missing_parts(body: SmplBody, tmp_path: Path) -> None:
    root = write_cape(tmp_path / "cape", body)
    recipe = Recipe("bc_cape", cape=root, height=96, width=80, bins=BLUR_RATE_BINS["table4"])
    plan = plan_in_bin(recipe, 1, 0)
    assert 0.2 <= plan.blur_rate < 0.3
    assert plan.shot.source.name.startswith("00032")
    frames = plan.shot.window.duration * 60
    assert frames == pytest.approx(round(frames), abs=1e-6)
    np.save(root / "misc" / "smpl_tris.npy", body.faces.numpy()[::-1] + 1)
    with pytest.raises(InputError, match="give SMPL's own file with --body"):
        CapeData.find(root, body)
    with pytest.raises(InputError, match="no CAPE sequences"):
        CapeData.find(tmp_path / "nowhere", body)
    (root / "minimal_body_shape" / "00032" / "00032_minimal.npy").unlink()
    (root / "misc" / "smpl_tris.npy").unlink()
    with pytest.raises(InputError, match="the naked body of CAPE's subject 00032 cannot be read"):
        CapeData.find(root, body).draw(body, np.random.default_rng(0), 1.0)
