"""Whole clips: refined photo by photo in windows, written when the last one is done."""
