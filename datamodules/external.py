"""`python -m datamodules.external --tool hybrik --source res.pk --output poses.hfbinit.npz`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jsonargparse import auto_cli

from datamodules.convert.poses import Tool, convert_poses
from hfb.cli.errors import user_errors_as_one_line
from hfb.cli.parser import HfbParser
from hfb.cli.values import accept_any_name
from hfb.errors import InputError
from hfb.ranges import LIMIT, Range, check_settings


@dataclass(frozen=True)
class Command:
    """Convert another tool's poses of one sample to a file that the method `external` reads.

    Attributes:
        tool: whose layout the file has.
        source: the tool's file.
        output: `<external>/<sample>/poses.hfbinit.npz`.
        num_photos: photos of the sample; the rows are shared out to them evenly, in order.
        width: of the images, px, for the tools that do not store it (cliff, wham, metro).
        height: of the images, px.
        drop_betas: write betas of zero: those of another body mean nothing to ours.
        body: file of the tool's own body model (SMPL_NEUTRAL.pkl, SMPLX_NEUTRAL.npz), which tells
            where the root joint of each shape rests; without it the mean shape's is taken.
    """

    tool: Tool
    source: Path
    output: Path
    num_photos: int = 1
    width: int | None = None
    height: int | None = None
    drop_betas: bool = False
    body: Path | None = None

    def __post_init__(self) -> None:
        side: Range = (1, 1_000_000)
        check_settings(self, "", {"num_photos": LIMIT, "width": side, "height": side})


def main(args: list[str] | None = None) -> None:
    """The command; the user's mistakes end it with one line and code 2."""
    accept_any_name()
    with user_errors_as_one_line():
        command = auto_cli(Command, args=args, as_positional=False, parser_class=HfbParser)
        if (command.width is None) != (command.height is None):
            raise InputError("give both --width and --height")
        size = None
        if command.width is not None and command.height is not None:
            size = (command.width, command.height)
        written = convert_poses(
            command.tool,
            command.source,
            command.output,
            command.num_photos,
            size,
            command.drop_betas,
            command.body,
        )
        print(f"wrote {written}")


if __name__ == "__main__":
    main()
