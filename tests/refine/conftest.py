"""The known problem: a body raising an arm, with its truth."""

from known_problems import body, known, make_known, small_settings

__all__ = ["body", "known", "make_known", "small_settings"]
