"""Where body files are looked for."""

from __future__ import annotations

from pathlib import Path

from hfb.assets import search_places
from hfb.errors import AssetNotFoundError

FREE_BODY = "free_body"
_GENDER_LETTERS = {"neutral": "neutral", "male": "m", "female": "f"}
_OFFICIAL_NAMES = (
    "basicmodel_{letter}_lbs_10_207_0_v1.1.0",
    "basicModel_{letter}_lbs_10_207_0_v1.0.0",
)


def find_body_file(name_or_path: str | Path) -> Path:
    """Find the file of a body.

    Args:
        name_or_path: as for `load_body`.

    Returns:
        An existing file.

    Raises:
        AssetNotFoundError: names the places looked at, where SMPL can be had and under which
            licence, and the setting that works without it.
    """
    if str(name_or_path) == FREE_BODY:
        candidates = [folder / f"{FREE_BODY}.npz" for folder in search_places()]
    elif str(name_or_path).lower() in {f"smpl_{gender}" for gender in _GENDER_LETTERS}:
        gender = str(name_or_path).lower().removeprefix("smpl_")
        candidates = [
            path
            for folder in search_places()
            for path in _candidates(folder, gender) + _candidates(folder / "smpl", gender)
        ]
    else:
        path = Path(name_or_path).expanduser()
        inside = _candidates(path, "neutral") + _candidates(path / "smpl", "neutral")
        candidates = inside if path.is_dir() else [path]
    for path in candidates:
        if path.is_file():
            return path
    raise AssetNotFoundError(_help_text(name_or_path, candidates))


def guess_gender(path: Path) -> str:
    """Gender of a body as its file name tells it.

    Args:
        path: the file; the official names carry `male`, `female`, `_m_` or `_f_`.

    Returns:
        `male`, `female` or, where the name says nothing, `neutral`.
    """
    name = path.stem.lower()
    if "female" in name or "_f_" in name:
        return "female"
    return "male" if "male" in name or "_m_" in name else "neutral"


def _candidates(folder: Path, gender: str) -> list[Path]:
    stems = [f"SMPL_{gender.upper()}"]
    stems += [name.format(letter=_GENDER_LETTERS[gender]) for name in _OFFICIAL_NAMES]
    return [folder / f"{stem}{suffix}" for stem in stems for suffix in (".npz", ".pkl")]


def _help_text(name_or_path: str | Path, candidates: list[Path]) -> str:
    looked = "\n".join(f"  {path}" for path in candidates)
    if str(name_or_path) == FREE_BODY:
        remedy = (
            "It is shipped in the repository's checkpoints folder; set HFB_ASSETS to that folder, "
            "or make it with tools/build_free_body.py."
        )
    else:
        remedy = (
            "SMPL can be downloaded after registration from https://smpl.is.tue.mpg.de "
            "(non-commercial research licence); put SMPL_NEUTRAL.npz or .pkl into the folder "
            "that HFB_ASSETS names, or give its path. Without it use the body `free_body`, "
            "which is shipped and free."
        )
    return f"no body model `{name_or_path}`; looked for\n{looked}\n{remedy}"
