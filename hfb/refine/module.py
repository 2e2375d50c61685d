"""The per-sample optimisation: one training step is one Adam step on eq. 11."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.errors import InferenceModeError
from hfb.formation import average_layers, composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.geometry import face_normals
from hfb.losses import TexelPairs, pair_cosines, weighted_sum
from hfb.motion import evaluate, subframe_times
from hfb.prior import BodyPosePrior, CoefficientPrior, MotionPrior
from hfb.refine.objective.coarse import coarser
from hfb.refine.objective.context import Context, Prediction
from hfb.refine.objective.energy import available_weights, loss_terms, needs_layers
from hfb.refine.objective.holding import holding_factor, unexplained
from hfb.refine.objective.landmark_target import landmark_target
from hfb.refine.objective.motion_energy import MotionEnergy
from hfb.refine.objective.terms import known_terms
from hfb.refine.parameters import FitParameters
from hfb.refine.problem import RefineProblem
from hfb.refine.recipe.schedule import schedule
from hfb.refine.recipe.settings import PARAMETER_GROUPS, RefineSettings
from hfb.refine.sequence.boundaries import Gap
from hfb.render import RenderSettings, render, render_exposure
from hfb.structures import BodyParams, Camera, Exposure, Layers, Mesh


class RefineModule(FitParameters):
    """Refines a batch of P problems together: single photos, or the photos of Q sequences.

    Every term of the loss is summed over the problems and Adam works element by element, so a
    result does not depend on the other photos or sequences in the batch. The photos of a sequence
    share betas and texture and meet smoothly (section 3.2).

    Args:
        body: the body model, shared and frozen.
        problem: what to explain, and the starting poses.
        settings: stages, learning rates and the rest.
        render_settings: how to rasterise.
        pose_prior: scores joint rotations (eq. 6); without it the term is left out.
        texel_pairs: neighbour table of eq. 5; without it the term is left out.
        motion_prior: scores motions (eq. 10) and expects some of poses; without it both are left
            out.
        gap: shut part of the frame time of each sequence, where the exposures do not tell it.
        phase: what the fit is for, the first part of its tags in the log.
        is_held: hold the photos to their starts by how badly they are explained.
    """

    def __init__(
        self,
        body: SmplBody,
        problem: RefineProblem,
        settings: RefineSettings,
        render_settings: RenderSettings,
        pose_prior: BodyPosePrior | None = None,
        texel_pairs: TexelPairs | None = None,
        motion_prior: MotionPrior | CoefficientPrior | None = None,
        gap: Float[Tensor, " Q"] | None = None,
        phase: str = "refine",
        is_held: bool = False,
    ) -> None:
        super().__init__(problem, settings, gap)
        # Not registered as sub-modules: their buffers are shared between refinements.
        self._shared = (body, pose_prior)
        self.found_gaps: list[Gap] = []
        """Those of the sequences that had to be found, with what is known of their errors."""
        self.render_settings = render_settings
        self.phase = phase
        self.is_held = is_held
        self.unexplained: Float[Tensor, " P"] | None = None
        """Error of each photo when it was judged, in units of what counts as explained."""
        self.held: Bool[Tensor, " P"] | None = None
        """Which photos were fitted once more, held to their starts."""
        self._begin(motion_prior)
        is_linear = settings.formation == "linear"
        cosines = None
        if texel_pairs is not None:
            normals = _start_face_normals(body, problem.start)
            cosines = pair_cosines(texel_pairs, normals, settings.clamp_cosines)
        energy = None
        if motion_prior is not None:
            every = settings.adversarial_every
            energy = MotionEnergy(motion_prior, problem.camera.up, every)
        with torch.no_grad():
            target = landmark_target(problem, body)
            start_joints = body(problem.start).joints
        self.context = Context(
            problem=problem,
            settings=settings,
            background=srgb_to_linear(problem.background) if is_linear else problem.background,
            start_coeffs=self._base.coeffs,
            start_joints=start_joints,
            body=body,
            pose_prior=pose_prior,
            motion_energy=energy,
            texel_pairs=texel_pairs,
            pair_cosines=cosines,
            landmarks=target,
        )
        self._coarse: dict[float, Context] = {}
        self.history: list[dict[str, Tensor]] = []

    @property
    def body(self) -> SmplBody:
        """The body model."""
        return self._shared[0]

    def predict(self, context: Context | None = None) -> Prediction:
        """Pose, render, blur and composite the current estimate (eq. 1 and 2).

        Args:
            context: what it will be compared with; at full size if None.
        """
        context = context or self.context
        settings = context.settings
        motion = self.polynomial_motion()
        coeffs, at_ends = motion.coeffs, settings.subframes == "ends"
        times = subframe_times(settings.num_subframes, coeffs.dtype, coeffs.device, at_ends)
        pose_rotmat, transl = evaluate(motion, times)
        betas, texture = self.per_problem(self.betas), self.per_problem(self.texture)
        posed = self.body(BodyParams(betas.unsqueeze(1), pose_rotmat, transl))
        is_linear = settings.formation == "linear"
        mesh = Mesh(
            verts=posed.verts,
            faces=self.body.faces,
            uv=self.body.uv,
            faces_uv=self.body.faces_uv,
            texture=srgb_to_linear(texture) if is_linear else texture,
        )
        exposure, layers = self._render(mesh, context.problem.camera)
        image = composite_exposure(exposure, context.background)
        return Prediction(
            image=linear_to_srgb(image) if is_linear else image,
            exposure=exposure,
            layers=layers,
            motion=motion,
            pose_rotmat=pose_rotmat,
            joints=posed.joints,
            verts=posed.verts,
            betas=betas,
            texture=texture,
            gap=self.gap,
        )

    def _render(self, mesh: Mesh, camera: Camera) -> tuple[Exposure, Layers | None]:
        """The fused mean; sub-frame by sub-frame only where a term needs the single layers."""
        settings = self.render_settings
        if not needs_layers(self.weights):
            return render_exposure(mesh, camera, settings), None
        layers = render(mesh, camera, settings)
        assert layers.visible_faces is not None, "the renderer knows them"
        return Exposure(*average_layers(layers), layers.visible_faces), layers

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every term at the next step; 0 where a term lacks what it needs."""
        weights = self.settings.weights_of(self.settings.stage_index(self.global_step))
        if not self.is_held:
            weights["landmarks"] = 0.0
        return available_weights(weights, self.context)

    @property
    def stage_context(self) -> Context:
        """What the next step's prediction is compared with: smaller in coarse stages."""
        scale = self.settings.stages[self.settings.stage_index(self.global_step)].scale
        if scale not in self._coarse:
            self._coarse[scale] = coarser(self.context, scale)
        return self._coarse[scale]

    def losses(
        self, prediction: Prediction, context: Context | None = None
    ) -> tuple[Float[Tensor, " P"], dict[str, Tensor]]:
        """Eq. 11 and its unweighted terms, one value a problem.

        Args:
            prediction: the forward model at this step.
            context: what it was made for; at full size if None.
        """
        weights, context = self.weights, context or self.context
        terms = loss_terms(prediction, context, weights)
        if self.is_held:
            return weighted_sum(terms, self._held_weights(weights, prediction, context)), terms
        return weighted_sum(terms, weights), terms

    def _held_weights(
        self, weights: dict[str, float], prediction: Prediction, context: Context
    ) -> dict[str, float | Float[Tensor, " P"]]:
        """The weights of held photos; landmarks hold no others.

        Adam does not see a common factor, but terms that begin large and fall go on slowing it down
        through its second moments: what does not hold is divided, what holds is not raised.
        """
        factor = holding_factor(prediction, context)
        known = known_terms()
        return {
            name: weight if weight == 0.0 or known[name].holds else weight / factor
            for name, weight in weights.items()
        }

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One step on all problems; the batch is only a counter."""
        if torch.is_inference_mode_enabled():
            raise InferenceModeError(
                "refinement needs gradients, but Lightning runs in inference mode: "
                "set trainer.inference_mode to false."
            )
        context = self.stage_context
        total, terms = self.losses(self.predict(context), context)
        values = {name: value.detach() for name, value in {"total": total, **terms}.items()}
        self.history.append(values)
        # Lightning would drop what is logged in between, but take its time to look at it.
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if self.logger and every and (self.global_step + 1) % every == 0:
            for p, problem in enumerate(self.problem.names):
                curves = {f"{self.phase}/{problem}/{term}": v[p] for term, v in values.items()}
                self.log_dict(curves, batch_size=len(self.problem))
        return total.sum()

    def configure_optimizers(self) -> Any:
        """Adam with a step size for each group, on a cosine to `final_lr_fraction`."""
        groups = [
            {"params": [getattr(self, name)], "lr": getattr(self.settings.lr, name), "name": name}
            for name in PARAMETER_GROUPS
        ]
        optimizer = torch.optim.Adam(groups)
        factors = [schedule(self.settings, name) for name in PARAMETER_GROUPS]
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def set_problem(self, problem: RefineProblem) -> None:
        """Go on with the same problems and other mattes."""
        self.problem = problem
        self.context = replace(self.context, problem=problem)
        self._coarse = {}

    @torch.no_grad()
    def energy(self) -> Float[Tensor, " P"]:
        """Eq. 11 of each problem as it stands: lower explains the photo better."""
        total, _ = self.losses(self.predict())
        return total

    @torch.no_grad()
    def judge(self) -> Float[Tensor, " P"]:
        """How badly each photo is explained, those of a sequence alike; above 1: it is not."""
        error = unexplained(self.predict(), self.context)
        self.unexplained = self.per_problem(self.sequence_means(error))
        return self.unexplained

    @torch.no_grad()
    def take_over(self, other: RefineModule, rows: Bool[Tensor, " P"]) -> None:
        """Have some photos as another fit of them left them.

        Args:
            other: a fit of these photos alone, or, of consecutive ones, of all.
            rows: which; all photos of a sequence or none.
        """
        own = rows if len(other.problem) == len(self.problem) else slice(None)
        for name in PARAMETER_GROUPS:
            mine, theirs = getattr(self, name), getattr(other, name)
            is_shared = len(mine) != len(rows)
            chosen = self.sequence_means(rows.to(mine)) > 0.5 if is_shared else rows
            mine[chosen] = theirs[chosen] if is_shared else theirs[own]
        alpha = self.problem.alpha.clone()
        alpha[rows] = other.problem.alpha[own]
        self.set_problem(replace(self.problem, alpha=alpha))
        self.held = rows


@torch.no_grad()
def _start_face_normals(body: SmplBody, start: BodyParams) -> Float[Tensor, "P F 3"]:
    """Unit face normals of the starting pose, enough for the smoothness weights of eq. 5."""
    return face_normals(body(start).verts, body.faces)
