"""Read reports with nothing but Python: the figures of each person, and the frames to look at.

    python examples/read_reports.py [REPORT ...]

Without a REPORT, the demo is refined first. Reports are named `<name>_report.json`. All lengths are in the metric's
name: `_px_` pixels, `_mm_` millimetres.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lsmplify_refine.cli import main as lsmplify_refine

WORST_FRAMES = 3


def main(reports: list[Path]) -> None:
    """Print what each report says."""
    for path in reports:
        report = json.loads(path.read_text(encoding="utf-8"))
        print(f"{path}: {report['outputs']['results']}")
        for person in report["people"]:
            show(person)
        for note in report["notes"]:
            print(f"  {note['severity']} ({note['code']}): {note['text']}")


def show(person: dict[str, Any]) -> None:
    """Print the keypoint error before and after, the gate's decisions, and the worst frames."""
    stages = person["metrics"]
    for name, after in stages["refined"].items():
        before = stages["calibrated"].get(name)
        if before and after is not None:
            print(f"  person {person['track_id']}: {name}: {before:.2f} -> {after:.2f} ({after / before - 1:+.0%})")
    print(f"  frames: {person['counts']}")

    frames = person["per_frame"]
    name = next(each for each in stages["refined"] if each.startswith(("reprojection_px", "mpjpe_mm")))
    error = frames[f"{name}_after"]
    # None: a frame without keypoints
    ranked = sorted((row for row in range(len(error)) if error[row] is not None), key=lambda row: -error[row])
    for row in ranked[:WORST_FRAMES]:
        print(f"  frame {frames['frame_id'][row]}: {error[row]:.2f}, {frames['status'][row]} {frames['reason'][row]}")


def demo_report(folder: Path) -> Path:
    """Refine the demo, and return its report."""
    lsmplify_refine(["demo", "-o", str(folder), "--no-video", "--overwrite", "-q"])
    return folder / "hmr4d_results_report.json"


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [demo_report(Path("example_output/demo"))])
