"""What is said about a result on the screen."""

from __future__ import annotations

from hfb.evaluate.records import Record
from hfb.evaluate.results import SampleResult
from hfb.evaluate.trust.warnings import sureness_words, verdicts_of, warnings_of_result

_TITLES = {
    "mpjpe_best_direction_mm": "joint error, best direction",
    "mpjpe_mm": "joint error, as it runs",
    "pa_mpjpe_mm": "joint error after alignment",
    "iou_best_direction": "silhouette IoU",
    "matte_iou": "IoU with the matte",
    "reblur_psnr_db": "re-blur PSNR in the person's box",
}


def result_lines(result: SampleResult) -> list[str]:
    """What a person wants to read after a prediction: each metric before and after.

    Args:
        result: of one sample.
    """
    after, before = result.metrics, result.initial_metrics
    lines = [f"{result.item.sample.sample_id} ({result.seconds:.1f} s)"]
    if not result.item.camera_is_known:
        focal = float(result.refinement.camera.focal[0])
        lines.append(f"  focal length not given, guessed {focal:.0f} px (--data.camera sets it)")
    for name, title in _TITLES.items():
        if getattr(after, name) is not None:
            unit = " mm" if name.endswith("_mm") else " dB" if name.endswith("_db") else ""
            digits = 1 if unit else 3
            lines.append(
                f"  {title:<34}{getattr(before, name):9.{digits}f} ->"
                f"{getattr(after, name):9.{digits}f}{unit}"
            )
    words = sureness_words(verdicts_of(result))
    if words is not None:
        lines.append(f"  how sure: {words}")
    return lines + [f"  warning: {warning}" for warning in warnings_of_result(result)]


def record_line(record: Record) -> str:
    """One line about a finished sample of a test.

    Args:
        record: its metrics.
    """
    start = record["initial"]
    parts = []
    for method, metrics in record["methods"].items():
        if metrics["mpjpe_best_direction_mm"] is None:
            text = f"{start['reblur_psnr_db']:.1f} -> {metrics['reblur_psnr_db']:.1f} dB"
        else:
            text = (
                f"{start['mpjpe_best_direction_mm']:.0f} -> "
                f"{metrics['mpjpe_best_direction_mm']:.0f} mm"
            )
        if metrics["iou_best_direction"] is not None:
            text += (
                f", IoU {start['iou_best_direction']:.2f} -> {metrics['iou_best_direction']:.2f}"
            )
        text += f" ({metrics['seconds']:.1f} s)"
        if metrics.get("warnings"):
            text += f" [{' '.join(metrics['warnings'])}]"
        parts.append(f"{method} {text}")
    return f"{record['sample_id']}: {'; '.join(parts)}"
