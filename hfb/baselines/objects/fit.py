"""The optimisation of Shape from Blur and Motion from Blur."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.baselines.objects.losses import (
    laplacian_loss,
    mesh_edges,
    region_image_loss,
    subframe_silhouette_loss,
    texture_variation_loss,
)
from hfb.baselines.objects.model import Motion, ObjectModel
from hfb.baselines.objects.motion import LinearMotion, PiecewiseMotion
from hfb.baselines.objects.problem import ObjectProblem
from hfb.baselines.objects.prototypes import load_prototype
from hfb.baselines.objects.settings import MfbRecipe, ObjectRecipe, SfbRecipe
from hfb.baselines.objects.start import start_path
from hfb.losses import matting_loss, weighted_sum
from hfb.motion import subframe_times
from hfb.render import RenderSettings

OnStep = Callable[[int], None]


@dataclass(frozen=True)
class Snapshot:
    """An object at one step of one run.

    Attributes:
        loss: what it is chosen by: its image and silhouette losses together.
        model: a batch of this object alone.
        erosion: side of the eroding square at its step, px.
    """

    loss: float
    model: ObjectModel
    erosion: int


def object_losses(
    model: ObjectModel,
    problem: ObjectProblem,
    edges: Int[Tensor, "E 2"],
    times: Float[Tensor, "T N"],
    erosion: int,
) -> dict[str, Float[Tensor, " B"]]:
    """All terms at the present parameters, unweighted, one value an object.

    Returns:
        silhouette: overlap with the matte, or with the given silhouettes.
        image: difference to the photos.
        texture: total variation.
        laplacian: roughness of the vertices, 0 where they are not free.
    """
    layers = model.layers(times, erosion)
    alpha = layers.alpha.mean(2)
    blurred = problem.background * (1.0 - alpha) + (layers.rgb * layers.alpha).mean(2)
    if problem.masks is None:
        # The published methods know every sub-frame's silhouette from a network; we know their sum.
        wanted, valid = problem.alpha.expand_as(alpha), problem.valid.expand_as(alpha)
        silhouette = matting_loss(alpha, wanted, weight=valid)
    else:
        silhouette = subframe_silhouette_loss(layers.alpha, problem.masks)
    rough = laplacian_loss(model.verts(), edges)
    return {
        "silhouette": silhouette.mean(1),
        "image": region_image_loss(blurred, problem.image, problem.region).mean(1),
        "texture": texture_variation_loss(model.texture, isinstance(model.motion, PiecewiseMotion)),
        "laplacian": torch.where(model.is_free, rough, torch.zeros_like(rough)),
    }


def object_weights(
    losses: Mapping[str, Float[Tensor, " B"]], recipe: ObjectRecipe, step: int
) -> dict[str, float | Float[Tensor, " B"]]:
    """Weights of the terms at a step, after either method's schedule.

    Args:
        losses: from `hfb.baselines.objects.losses`; Motion from Blur weighs each object as it
            explains the photos.
        recipe: of either method.
        step: number of steps done.
    """
    laplacian: float | Tensor = 0.0
    if isinstance(recipe, SfbRecipe):
        laplacian = recipe.laplacian
    elif isinstance(recipe, MfbRecipe):
        first, late, good = recipe.laplacian
        is_late = step >= recipe.late_step
        is_good = (losses["image"].detach() < recipe.good_image) & is_late
        usual = torch.full_like(losses["image"], late if is_late else first)
        laplacian = torch.where(is_good, good, usual)
    return {
        "silhouette": recipe.silhouette,
        "texture": recipe.texture,
        "image": recipe.image * image_counts(losses, recipe, step).to(losses["image"]),
        "laplacian": laplacian,
    }


def image_counts(
    losses: Mapping[str, Float[Tensor, " B"]], recipe: ObjectRecipe, step: int
) -> Bool[Tensor, " B"]:
    """Whether the photo counts yet: Motion from Blur first brings the silhouettes together."""
    if not isinstance(recipe, MfbRecipe) or step >= recipe.image_step:
        return torch.ones_like(losses["image"], dtype=torch.bool)
    return losses["silhouette"].detach() < recipe.good_silhouette


def fit_object(
    problem: ObjectProblem,
    recipe: ObjectRecipe,
    render_settings: RenderSettings,
    on_step: OnStep | None = None,
) -> Snapshot:
    """Fit an object to a sample: one run a prototype, rigid and free vertices side by side.

    Args:
        problem: the photos; one for Shape from Blur.
        recipe: of either method.
        render_settings: backend and threads.
        on_step: called with the number of steps done.

    Returns:
        What explained the photos best at any step of any run.
    """
    best: Snapshot | None = None
    done = 0
    for name in recipe.prototypes:
        motion = start_motion(recipe, problem)
        model = ObjectModel(load_prototype(name), recipe.offsets, motion, recipe, render_settings)
        for step, losses in run_steps(model, problem, recipe):
            erosion = recipe.erosion_px(step)
            counts = image_counts(losses, recipe, step)
            # Published is the image loss alone. Without silhouettes of the sub-frames it would let
            # a textured ball pass for a ring.
            loss = torch.where(counts, (losses["image"] + losses["silhouette"]).detach(), torch.inf)
            value, index = (float(v) for v in loss.min(0))
            if best is None or value < best.loss:
                best = Snapshot(value, pick(model, int(index), recipe), erosion)
            done += 1
            if on_step is not None:
                on_step(done)
    assert best is not None, "there is at least one step"
    return best


def start_motion(recipe: ObjectRecipe, problem: ObjectProblem) -> Motion:
    """The motion of a run's objects, all from the same start."""
    batch, path = len(recipe.offsets), start_path(problem)
    if isinstance(recipe, MfbRecipe):
        return PiecewiseMotion(batch, len(problem.image), path)
    return LinearMotion(batch, recipe.num_subframes, path)


def run_steps(
    model: ObjectModel, problem: ObjectProblem, recipe: ObjectRecipe
) -> Iterator[tuple[int, dict[str, Float[Tensor, " B"]]]]:
    """Adam with a constant step size; yields each step's losses before the step is taken."""
    edges = mesh_edges(model.prototype.faces)
    count = recipe.num_subframes if problem.masks is None else problem.masks.shape[1]
    times = subframe_times(count).expand(len(problem.image), count)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr)
    for step in range(recipe.num_steps):
        with torch.enable_grad():
            losses = object_losses(model, problem, edges, times, recipe.erosion_px(step))
            energy = weighted_sum(losses, object_weights(losses, recipe, step))
            optimizer.zero_grad()
            energy.sum().backward()
        yield step, losses
        optimizer.step()


def pick(model: ObjectModel, index: int, recipe: ObjectRecipe) -> ObjectModel:
    """A copy of one object of a batch, as a batch of its own."""
    motion: Motion
    if isinstance(model.motion, PiecewiseMotion):
        motion = PiecewiseMotion(1, model.motion.num_frames, torch.zeros(2, 3))
    else:
        motion = LinearMotion(1, model.motion.num_subframes, torch.zeros(2, 3))
    single = ObjectModel(model.prototype, [False], motion, recipe, model.render_settings)
    chosen = {name: value[index : index + 1].clone() for name, value in model.state_dict().items()}
    single.load_state_dict(chosen)
    return single.requires_grad_(False)
