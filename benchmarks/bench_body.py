"""Time of posing the free body: smplx against the PyTorch path against the compiled loops.

    python benchmarks/bench_body.py [--frames 8]

One shape, N poses, forward and backward on one thread, CPU time of the thread (so that a busy
machine disturbs less); median and best of many.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from hfb.body import load_body
from hfb.body.locate import find_body_file
from hfb.body.model_file import read_body_file
from hfb.body.smplx_model import smplx_model
from hfb.geometry import rotvec_to_rotmat
from hfb.structures import BodyParams


def measure(pose: Callable[[], Tensor], params: BodyParams, repeats: int) -> str:
    """Milliseconds of a forward and a backward pass."""
    gradient = torch.randn_like(pose())
    forward, backward = [], []
    for _ in range(repeats):
        start = time.thread_time()
        verts = pose()
        middle = time.thread_time()
        torch.autograd.backward(verts, gradient)
        forward.append(1e3 * (middle - start))
        backward.append(1e3 * (time.thread_time() - middle))
        for leaf in (params.betas, params.pose_rotmat, params.transl):
            leaf.grad = None
    total = [a + b for a, b in zip(forward, backward, strict=True)]
    return (
        f"forward {statistics.median(forward):5.2f}  backward {statistics.median(backward):5.2f}  "
        f"total {statistics.median(total):5.2f} ms (best {min(total):.2f})"
    )


def main(args: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=8, help="poses of the one shape")
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args(args)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    rotvec = 0.3 * torch.randn(1, options.frames, 24, 3, generator=generator)
    params = BodyParams(
        betas=torch.randn(1, 1, 10, generator=generator).requires_grad_(),
        pose_rotmat=rotvec_to_rotmat(rotvec).contiguous().requires_grad_(),
        transl=torch.randn(1, options.frames, 3, generator=generator).requires_grad_(),
    )
    body = load_body()
    reference = smplx_model(read_body_file(find_body_file("free_body")), body.num_betas)

    def with_smplx() -> Tensor:
        pose = params.pose_rotmat[0]
        return reference(
            betas=params.betas[0].expand(options.frames, -1),
            global_orient=pose[:, :1],
            body_pose=pose[:, 1:],
            transl=params.transl[0],
            pose2rot=False,
        ).vertices

    print("smplx   ", measure(with_smplx, params, options.repeats // 2))
    body.use_compiled = False
    print("torch   ", measure(lambda: body(params).verts, params, options.repeats))
    body.use_compiled = True
    print("compiled", measure(lambda: body(params).verts, params, 2 * options.repeats))


if __name__ == "__main__":
    main()
