"""Reading body files: the formats in use, and what is refused."""

import os
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch

from hfb.body import load_body
from hfb.body.model_file import REQUIRED_KEYS, read_body_file
from hfb.errors import AssetNotFoundError, BodyModelError


def write_npz(path: Path, fields: dict) -> Path:
    np.savez(path, **fields)
    return path


def write_pickle(path: Path, fields: object, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(fields, protocol=protocol))
    return path


def assert_same_arrays(path: Path, reference: Path) -> None:
    one, other = read_body_file(path), read_body_file(reference)
    assert one.parents == other.parents
    for key in ("v_template", "shapedirs", "posedirs", "joint_regressor", "weights", "faces"):
        np.testing.assert_array_equal(getattr(one, key), getattr(other, key))


SPARSE = [
    getattr(scipy.sparse, f"{layout}_{kind}")
    for layout in ("csc", "csr", "coo")
    for kind in ("matrix", "array")
]


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
@pytest.mark.parametrize("sparse", [*SPARSE, np.asarray])
def test_pickle_with_sparse_regressor_equals_npz(
    tmp_path, tiny_path, tiny_fields, sparse, protocol
) -> None:
    fields = tiny_fields()
    fields["J_regressor"] = sparse(fields["J_regressor"])
    fields["bs_type"] = "lrotmin"
    assert_same_arrays(write_pickle(tmp_path / "body.pkl", fields, protocol), tiny_path)


def test_pickle_written_with_chumpy_is_read_without_it(
    tmp_path, tiny_path, tiny_fields, monkeypatch
) -> None:
    """A throwaway chumpy writes what the SMPL site's pickles hold: Ch and Select nodes."""

    class Ch:
        def __init__(self, **state: object) -> None:
            self.__dict__.update(state)

    class Select(Ch):
        pass

    modules = {
        name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")
    }
    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    Select.__module__, Select.__qualname__ = "chumpy.reordering", "Select"
    modules["chumpy.ch"].Ch = Ch
    modules["chumpy.reordering"].Select = Select
    fields = tiny_fields()
    shapedirs = fields["shapedirs"]
    padded = np.concatenate([shapedirs, np.full_like(shapedirs, 9.0)], axis=2)
    chosen = np.arange(padded.size).reshape(padded.shape)[..., :10]
    fields["v_template"] = Ch(x=fields["v_template"])
    fields["shapedirs"] = Select(
        a=Ch(x=padded), idxs=chosen.ravel(), preferred_shape=shapedirs.shape
    )
    with monkeypatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        path = write_pickle(tmp_path / "basicModel_f_lbs_10_207_0_v1.0.0.pkl", fields)
    assert "chumpy" not in sys.modules
    assert_same_arrays(path, tiny_path)
    assert "chumpy" not in sys.modules
    assert load_body(path).identity.gender == "female"


def test_unknown_chumpy_expression_is_named(tmp_path, tiny_fields, monkeypatch) -> None:
    class Add:
        def __init__(self) -> None:
            self.left, self.right = 1, 2

    module = types.ModuleType("chumpy")
    Add.__module__, Add.__qualname__, module.Add = "chumpy", "Add", Add
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "chumpy", module)
        path = write_pickle(tmp_path / "x.pkl", tiny_fields() | {"v_template": Add()})
    with pytest.raises(BodyModelError, match=r"chumpy expression .*'left', 'right'"):
        read_body_file(path)


class _Hostile:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, rf"{os.name}\.system"), (eval, "eval"), (getattr, "getattr")],
)
def test_hostile_pickle_is_refused_by_name_and_not_run(
    tmp_path, tiny_fields, function, name
) -> None:
    mark = tmp_path / "executed"
    argument = f"touch {mark}" if function is os.system else f"open({str(mark)!r}, 'w')"
    arguments = ((1,), "__class__") if function is getattr else (argument,)
    fields = tiny_fields() | {"f": _Hostile(function, *arguments)}
    path = write_pickle(tmp_path / "hostile.pkl", fields)
    with pytest.raises(BodyModelError, match=rf"asks for \S*{name}, .*nothing of it was executed"):
        read_body_file(path)
    assert not mark.exists()


@pytest.mark.parametrize("sparse", SPARSE)
def test_sparse_indices_that_lead_out_of_the_matrix_are_refused(
    tmp_path, tiny_fields, sparse
) -> None:
    fields = tiny_fields()
    damaged = sparse(fields["J_regressor"])
    index = damaged.row if damaged.format == "coo" else damaged.indices
    index.flags.writeable = True
    index[3] = 10**6
    path = write_pickle(tmp_path / "body.pkl", fields | {"J_regressor": damaged})
    with pytest.raises(BodyModelError, match="J_regressor does not hold numbers"):
        read_body_file(path)


def test_truncated_files_are_named(tmp_path, repo, tiny_fields) -> None:
    npz = tmp_path / "cut.npz"
    npz.write_bytes((repo / "checkpoints" / "free_body.npz").read_bytes()[:500_000])
    with pytest.raises(BodyModelError, match=r"cut\.npz is not an npz that can be read"):
        read_body_file(npz)
    whole = write_pickle(tmp_path / "cut.pkl", tiny_fields()).read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.pkl").write_bytes(whole[:size])
        with pytest.raises(BodyModelError, match=r"cut\.pkl cannot be read as a pickled body"):
            read_body_file(tmp_path / "cut.pkl")


def test_flipped_bytes_in_an_npz_are_noticed(tmp_path, repo) -> None:
    content = bytearray((repo / "checkpoints" / "free_body.npz").read_bytes())
    content[100_000:100_100] = bytes(100)
    (tmp_path / "flipped.npz").write_bytes(content)
    with pytest.raises(BodyModelError, match="is not an npz that can be read"):
        read_body_file(tmp_path / "flipped.npz")


def test_npz_with_objects_is_refused(tmp_path, tiny_fields) -> None:
    fields = tiny_fields()
    fields["J_regressor"] = np.array(scipy.sparse.csc_matrix(fields["J_regressor"]), dtype=object)
    with pytest.raises(BodyModelError, match=r"holds Python objects .*save plain arrays"):
        read_body_file(write_npz(tmp_path / "objects.npz", fields))


def test_other_npz_files_are_told_what_they_lack(tmp_path) -> None:
    path = write_npz(tmp_path / "motion.npz", {"poses": np.zeros((3, 72)), "betas": np.zeros(10)})
    with pytest.raises(BodyModelError, match="not a SMPL-format body: it lacks v_template") as info:
        read_body_file(path)
    assert all(key in str(info.value) for key in (*REQUIRED_KEYS, "betas, poses"))


def test_other_pickles_and_pictures_are_not_bodies(tmp_path) -> None:
    with pytest.raises(BodyModelError, match="holds a list instead of named arrays"):
        read_body_file(write_pickle(tmp_path / "list.pkl", [1, 2]))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    with pytest.raises(BodyModelError, match=r"a\.png cannot be read as a pickled body"):
        read_body_file(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v_template": np.zeros((9, 2))}, r"v_template has the shape \(9, 2\), expected \(9, 3\)"),
        ({"posedirs": np.zeros((9, 3, 10))}, r"posedirs has .* expected \(9, 3, 207\)"),
        ({"weights": np.zeros((24, 9))}, r"weights has the shape \(24, 9\)"),
        ({"f": np.array([[0, 1, 9]])}, "f must index the 9 vertices"),
        ({"f": np.zeros((0, 3))}, "f must index the 9 vertices"),
        ({"kintree_table": np.zeros((2, 52))}, "52 joints, SMPL has 24: SMPL-H"),
        ({"kintree_table": np.full((2, 24), 23)}, "each parent before its children"),
        ({"v_template": np.full((9, 3), np.nan)}, "v_template holds values that are not finite"),
        ({"shapedirs": np.array("text")}, "shapedirs does not hold numbers"),
        ({"v_template": np.full((9, 3), fill_value=True)}, "v_template does not hold numbers"),
        ({"v_template": np.linspace(0, 180, 27).reshape(9, 3)}, "is the file in centimetres"),
        ({"weights": np.full((9, 24), 0.5)}, "rows of weights add up to 1, these miss it by 11"),
        ({"J_regressor": np.zeros((24, 9))}, "rows of J_regressor add up to 1"),
        (
            {"landmark_names": np.array(["nose"]), "landmark_vertices": np.array([9])},
            "1 landmark_names need as many landmark_vertices, each one of the 9",
        ),
        ({"vt": np.zeros((4, 2)), "ft": np.zeros((2, 3), int)}, "do not fit a mesh of 9 faces"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, tiny_fields, change, message) -> None:
    path = write_npz(tmp_path / "odd.npz", tiny_fields() | change)
    with pytest.raises(BodyModelError, match=message):
        read_body_file(path)


def test_number_of_betas(tmp_path, tiny_fields) -> None:
    path = write_npz(tmp_path / "many.npz", tiny_fields(num_betas=16))
    assert load_body(path).num_betas == 10
    body = load_body(path, num_betas=16, dtype=torch.float64)
    assert body.shapedirs.shape == (16, 9, 3)
    expected = tiny_fields(num_betas=16)["shapedirs"][..., 15]
    np.testing.assert_allclose(body.shapedirs[15].numpy(), expected, rtol=0, atol=1e-7)
    with pytest.raises(BodyModelError, match="has 16 shape coefficients, 17 were asked for"):
        load_body(path, num_betas=17)


def test_smpl_is_found_in_folders_and_by_name(tmp_path, tiny_path, monkeypatch) -> None:
    folder = tmp_path / "smpl"
    folder.mkdir()
    for name in ("SMPL_NEUTRAL.npz", "SMPL_FEMALE.npz", "basicmodel_m_lbs_10_207_0_v1.1.0.npz"):
        (folder / name).write_bytes(tiny_path.read_bytes())
    assert load_body(folder).identity.name == "smpl_neutral"
    assert load_body(tmp_path).identity.gender == "neutral"
    monkeypatch.setenv("HFB_ASSETS", str(tmp_path))
    assert load_body("smpl_female").identity.gender == "female"
    assert load_body("smpl_male").identity.gender == "male"
    assert load_body("free_body").identity.name == "free_body"


def test_missing_smpl_says_where_to_get_it_and_what_works_without(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HFB_ASSETS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(AssetNotFoundError) as info:
        load_body("smpl_neutral")
    message = str(info.value)
    assert str(tmp_path / "smpl" / "SMPL_NEUTRAL.pkl") in message
    assert "https://smpl.is.tue.mpg.de" in message
    assert "licence" in message
    assert "`free_body`" in message
    with pytest.raises(AssetNotFoundError, match=r"no body model `.*nowhere\.npz`"):
        load_body(tmp_path / "nowhere.npz")
