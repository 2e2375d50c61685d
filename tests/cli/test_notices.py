"""Warnings: a line each."""

import logging
import warnings

import pytest

from hfb.cli.errors import user_errors_as_one_line


def test_ours_and_those_of_libraries_are_a_line_each(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with user_errors_as_one_line():
            logging.getLogger("hfb.matte").warning("the background is %s", "brighter")
            logging.getLogger("hfb.matte").info("nobody needs this")
            logging.getLogger("datamodules.mocap").warning("two\n  lines")
            warnings.warn("torch says\n    something", UserWarning, stacklevel=1)
            monkeypatch.setenv("RANK", "1")
            logging.getLogger("hfb").warning("of another process")
    assert capsys.readouterr().err.splitlines() == [
        "warning: the background is brighter",
        "warning: two lines",
        "warning: torch says something",
    ]
    assert logging.getLogger("hfb").handlers == []
