"""The register of loss terms: what eq. 11 is a sum of, terms of your own included."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hfb.errors import InputError
from hfb.losses import check_weights

TermFunction = Callable[[Any, Any], Tensor]
"""Gets the `Prediction` of a step and the `Context` of the fit; returns one value a problem."""


@dataclass(frozen=True)
class Term:
    """One term of eq. 11.

    Attributes:
        compute: the unweighted value.
        weight: where the settings name no other: one value, or one a stage of the default recipe.
        is_available: whether a `Context` has what the term needs; where it has not, the term is
            left out.
        needs_layers: whether the term looks at single sub-frames (`Prediction.layers`), which take
            more time than their mean.
        holds: whether the term weighs more for photos that are held
            (`RefineSettings.hold_unexplained`).
    """

    compute: TermFunction
    weight: float | Sequence[float]
    is_available: Callable[[Any], bool]
    needs_layers: bool
    holds: bool


_terms: dict[str, Term] = {}


def register_term(
    name: str,
    weight: float | Sequence[float] = 0.0,
    needs: Callable[[Any], bool] | None = None,
    needs_layers: bool = False,
    holds: bool = False,
) -> Callable[[TermFunction], TermFunction]:
    """Make a function a term of eq. 11, with a weight `refine.weights.<name>`.

    A term of your own lies in a module of your own, which `refine.plugins` names:

        @register_term("stillness", weight=0.1)
        def stillness_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
            return prediction.motion.coeffs[:, 1:].square().sum((-3, -2, -1))

    Args:
        name: in settings, logs and curves.
        weight: where the settings name no other; one value, or one a stage.
        needs: whether a `Context` has what the term needs; it always has if None.
        needs_layers: whether the term reads `Prediction.layers`.
        holds: whether the term weighs more for photos that are held, which the body does not
            explain (`RefineSettings.hold_unexplained`).

    Returns:
        A decorator that leaves the function as it is.

    Raises:
        InputError: if the name cannot be used or is another term's, or if the weight is negative or
            not finite.
    """
    if not name.isidentifier() or name == "total":
        raise InputError(f"loss term {name!r}: the name must be an identifier other than 'total'")
    check_weights({name: weight}, "register_term")

    def register(compute: TermFunction) -> TermFunction:
        known = _terms.get(name)
        # The same function once more is a module that was loaded again.
        if known is not None and _place(known.compute) != _place(compute):
            raise InputError(
                f"loss term {name!r} of {_place(compute)} is registered already, by "
                f"{_place(known.compute)}: choose another name"
            )
        _terms[name] = Term(compute, weight, needs or _always, needs_layers, holds)
        return compute

    return register


def unregister_term(name: str) -> None:
    """Forget a term.

    Raises:
        InputError: if there is none of this name.
    """
    check_names([name], "unregister_term")
    del _terms[name]


def known_terms() -> dict[str, Term]:
    """All registered terms by name, in the order in which they are added up."""
    return dict(_terms)


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse names of terms that are not registered.

    Args:
        names: of terms.
        where: setting that they come from, for the message.

    Raises:
        InputError: that lists the terms there are.
    """
    unknown = sorted(str(name) for name in set(names) - set(_terms))  # YAML has numbers as keys
    if unknown:
        raise InputError(
            f"{where}: no loss term {', '.join(unknown)}; there are {', '.join(_terms)}, and what "
            "the modules named in refine.plugins register"
        )


def import_plugins(names: Iterable[str]) -> None:
    """Import modules that register terms; one that is imported already stays as it is.

    Raises:
        InputError: if one cannot be imported.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a module of somebody else does
            raise InputError(
                f"refine.plugins: module {name!r} cannot be imported "
                f"({type(error).__name__}: {error}); it must be installed or lie in a folder of "
                "PYTHONPATH"
            ) from error


def _always(context: Any) -> bool:
    return True


def _place(function: TermFunction) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{function.__module__}.{name}"
