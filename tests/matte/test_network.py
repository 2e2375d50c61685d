"""Mattes by a network in a file: small networks with Background Matting V2's interface."""

import sys
import warnings
import zipfile

import pytest
import torch
from torch import Tensor, nn

from hfb.errors import InputError
from hfb.matte import NetworkMatting


class Matter(nn.Module):
    """What differs is the person; fails on fewer pixels than it refines, as the published one."""

    backbone_scale: float
    refine_sample_pixels: int

    def __init__(self):
        super().__init__()
        self.backbone_scale = 0.25
        self.refine_sample_pixels = 80000
        self.gain = nn.Parameter(torch.tensor(4.0))

    def forward(self, src: Tensor, bgr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        assert src.size(2) % 4 == 0, "sides must be divisible by 4"
        assert src.size(3) % 4 == 0, "sides must be divisible by 4"
        pha = (self.gain * (src - bgr).abs().mean(1, keepdim=True)).clamp(0.0, 1.0)
        worst = pha.flatten().topk(self.refine_sample_pixels)[0]
        small = pha * self.backbone_scale
        return pha, src * pha, small + 0.0 * worst.sum()


class OneImage(nn.Module):
    def forward(self, src: Tensor) -> tuple[Tensor, Tensor]:
        return src[:, :1], src


class ColourFirst(nn.Module):
    def forward(self, src: Tensor, bgr: Tensor) -> tuple[Tensor, Tensor]:
        return src, bgr[:, :1]


class NoTensor(nn.Module):
    def forward(self, src: Tensor, bgr: Tensor) -> int:
        return 3


class OtherRange(nn.Module):
    def forward(self, src: Tensor, bgr: Tensor) -> Tensor:
        return 255.0 * src[:, :1]


def _script(module, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(module), str(path))
    return str(path)


@pytest.fixture
def images(generator):
    background = torch.rand(3, 53, 71, generator=generator)
    blurry = background.clone()
    blurry[:, 10:30, 20:40] = 1.0 - 0.5 * blurry[:, 10:30, 20:40]
    return blurry, background


def _expected(images):
    return (4.0 * (images[0] - images[1]).abs().mean(0, keepdim=True)).clamp(0.0, 1.0)


def test_a_torchscript_file(tmp_path, images):
    matting = NetworkMatting(_script(Matter(), tmp_path / "bgm.pth"), backbone_scale=0.125)
    torch.testing.assert_close(matting(*images), _expected(images))
    # A large image after a small one is refined at as many pixels as ever.
    large = [nn.functional.interpolate(image[None], (400, 400))[0] for image in images]
    torch.testing.assert_close(matting(*large), _expected(large))


def test_half_precision_runs_on_the_cpu(tmp_path, images):
    matting = NetworkMatting(_script(Matter().half(), tmp_path / "bgm.pth"))
    torch.testing.assert_close(matting(*images), _expected(images))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (OneImage, "it fails: .*forward"),
        (ColourFirst, r"its first output has the shape \(1, 3, 288, 384\), expected \(1, 1, 288"),
        (NoTensor, "its first output is a int"),
        (OtherRange, "its first output runs from 127.5 to 127.5, not in"),
    ],
)
def test_another_interface_is_refused_when_opened(tmp_path, network, reason):
    path = _script(network(), tmp_path / "other.pth")
    with pytest.raises(InputError, match=reason) as raised:
        NetworkMatting(path)
    assert str(raised.value).startswith(f"{path} is no matting network (src, bgr) -> (pha, fgr")
    assert "\n" not in str(raised.value)


def test_files_that_are_no_networks(tmp_path):
    torch.save(Matter().state_dict(), tmp_path / "weights.pth")
    with pytest.raises(InputError, match="is no TorchScript file: weights alone"):
        NetworkMatting(str(tmp_path / "weights.pth"))
    with pytest.raises(InputError, match=r"cannot read the matting network .*no such file"):
        NetworkMatting(str(tmp_path / "missing.pth"))
    damaged = tmp_path / "damaged.pth"
    with zipfile.ZipFile(damaged, "w") as archive:
        archive.writestr("damaged/code/__torch__.py", "class Matter:")
    with pytest.raises(InputError, match=r"cannot be opened"):
        NetworkMatting(str(damaged))


def test_settings_that_a_file_does_not_have(tmp_path):
    path = _script(ColourFirst(), tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"backbone_scale: the network .* has no such setting"):
        NetworkMatting(path, backbone_scale=0.5)
    (tmp_path / "any.onnx").write_bytes(b"")
    with pytest.raises(InputError, match="is ONNX, whose scale is fixed"):
        NetworkMatting(str(tmp_path / "any.onnx"), backbone_scale=0.5)


def _onnx(path, inputs=("src", "bgr"), output="pha"):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    shape = [1, 3, "height", "width"]
    nodes = [
        helper.make_node("Sub", list(inputs), ["difference"]),
        helper.make_node("Abs", ["difference"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "gain"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "zero", "one"], [output]),
    ]
    constants = [
        helper.make_tensor(name, kind, [], [value])
        for name, value in (("gain", 4.0), ("zero", 0.0), ("one", 1.0))
    ]
    graph = helper.make_graph(
        nodes,
        "matter",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(output, kind, [1, 1, "height", "width"])],
        constants,
    )
    opsets = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return str(path)


def test_an_onnx_file(tmp_path, images):
    alpha = NetworkMatting(_onnx(tmp_path / "bgm.onnx"))(*images)
    torch.testing.assert_close(alpha, _expected(images))


def test_onnx_files_of_another_interface(tmp_path):
    path = _onnx(tmp_path / "other.onnx", ("image", "trimap"), "alpha")
    with pytest.raises(InputError, match="it maps image, trimap to alpha"):
        NetworkMatting(path)
    (tmp_path / "damaged.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="cannot be opened"):
        NetworkMatting(str(tmp_path / "damaged.onnx"))


def test_onnx_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "any.onnx").write_bytes(b"")
    with pytest.raises(InputError, match=r"needs a package: pip install '\.\[matting\]'"):
        NetworkMatting(str(tmp_path / "any.onnx"))
