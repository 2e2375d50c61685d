"""The known motion's body, for a benchmark that fits."""

from known_problems import body, small_settings

__all__ = ["body", "small_settings"]
