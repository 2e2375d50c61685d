"""What each of the paper's tables needs: data, runs, rows, columns, counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One call of `run_hfb.py test`.

    Attributes:
        name: folder of its results.
        methods: what is run.
        configs: shipped configurations that are laid over the defaults.
        is_external: whether restored sub-frames are needed first.
        is_object: whether the two object methods run smaller than published.
    """

    name: str
    methods: tuple[str, ...]
    configs: tuple[str, ...] = ()
    is_external: bool = False
    is_object: bool = False


@dataclass(frozen=True)
class Row:
    """One row of ours: a method of a run.

    Attributes:
        label: as the table has it.
        run: name of the run.
        method: as `result.json` names it; "static" and "lifted" are the starts.
        is_ours: set in bold.
    """

    label: str
    run: str
    method: str
    is_ours: bool = False


@dataclass(frozen=True)
class Plan:
    """One table.

    Attributes:
        number: of the paper's table.
        title: heading.
        data: options of `python -m datamodules.synthetic`; none: Table 3's own photos.
        counts: the paper's number of samples in each bin.
        metrics: what a cell shows, in this order.
        runs: what is run.
        rows: of ours, from top to bottom.
    """

    number: int
    title: str
    data: tuple[str, ...]
    counts: tuple[int, ...]
    metrics: tuple[str, ...]
    runs: tuple[Run, ...]
    rows: tuple[Row, ...]

    @property
    def bins(self) -> str:
        """Name of the bins of the blur rate."""
        return f"table{self.number}"


_BEST = ("mpjpe_best_direction_mm", "iou_best_direction")
_PAPER_RUN = Run("paper", ("hfb", "hfb_without_amp"), ("paper.yaml",))
_PAPER_RUN_OF_CLIPS = Run("paper", ("hfb",), ("paper.yaml",))
_STARTS = (Row("plain start", "ours", "static"), Row("lifted start", "ours", "lifted"))
_OURS = Row("Human from Blur", "ours", "hfb", is_ours=True)
_RESTORED = Row("restored, then estimated", "restored", "external")
_SFB = Row("Shape from Blur", "objects", "sfb")
_MFB = Row("Motion from Blur", "objects", "mfb")
_SINGLE_ROWS = (
    *_STARTS,
    _RESTORED,
    Row("paper settings without L_A", "paper", "hfb_without_amp"),
    Row("paper settings", "paper", "hfb"),
    Row("without motion prior", "ours", "hfb_without_amp"),
    _OURS,
)
_CLIP_ROWS = (
    *_STARTS,
    Row("starts, interpolated", "ours", "interpolated"),
    _SFB,
    _MFB,
    _RESTORED,
    Row("paper settings", "paper", "hfb"),
    _OURS,
)
_SINGLE_RUNS = (
    Run("ours", ("hfb", "hfb_without_amp")),
    _PAPER_RUN,
    Run("restored", ("external",), is_external=True),
)
_CLIP_RUNS = (
    Run("ours", ("hfb", "interpolated")),
    _PAPER_RUN_OF_CLIPS,
    Run("objects", ("sfb", "mfb"), is_object=True),
    Run("restored", ("external",), is_external=True),
)

PLANS: dict[int, Plan] = {
    1: Plan(
        1,
        "single photos, BT-AMASS-like",
        ("--protocol", "bt_amass", "--table", "table1"),
        (123, 206, 154, 139, 106, 108, 81, 79, 76, 52),
        _BEST,
        (*_SINGLE_RUNS, Run("objects", ("sfb",), is_object=True)),
        (*_SINGLE_ROWS[:2], _SFB, *_SINGLE_ROWS[2:]),
    ),
    2: Plan(
        2,
        "two consecutive photos, BT-AMASS-like",
        ("--protocol", "bt_amass", "--table", "table2", "--num_frames", "2"),
        (35, 39, 47, 42, 38, 32, 25, 19, 13, 15),
        ("mpjpe_mm", "iou"),
        _CLIP_RUNS,
        _CLIP_ROWS,
    ),
    3: Plan(
        3,
        "consecutive frames averaged",
        (),
        (),
        ("pa_mpjpe_best_direction_mm",),
        _SINGLE_RUNS,
        _SINGLE_ROWS,
    ),
    4: Plan(
        4,
        "single photos, BC-CAPE-like",
        ("--protocol", "bc_cape", "--table", "table4"),
        # 609 in all; the paper does not say how many in each.
        (102, 102, 102, 101, 101, 101),
        ("pa_mpjpe_best_direction_mm", "mpjpe_best_direction_mm"),
        _SINGLE_RUNS,
        _SINGLE_ROWS,
    ),
    5: Plan(
        5,
        "four consecutive photos, BC-CAPE-like",
        ("--protocol", "bc_cape", "--table", "table5", "--num_frames", "4"),
        # 205 in all.
        (35, 34, 34, 34, 34, 34),
        ("pa_mpjpe_mm", "mpjpe_mm", "iou"),
        _CLIP_RUNS,
        _CLIP_ROWS,
    ),
}
