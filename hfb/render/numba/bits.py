"""The one machine instruction that numba has no name for."""

from __future__ import annotations

import inspect
from typing import Any

from numba import types
from numba.extending import intrinsic


def _lowest_bit(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        is_zero_undefined = context.get_constant(types.boolean, True)
        return builder.cttz(arguments[0], is_zero_undefined)

    return types.uint64(types.uint64), generate


lowest_bit: Any = intrinsic(inspect.unwrap(_lowest_bit))
"""The number of the lowest bit that is set, of an unsigned word that is not 0."""
