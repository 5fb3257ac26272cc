"""Measure refinement onto 3D keypoints, several cameras' 2D keypoints, and the keypoints of several people.

    python scripts/benchmark_targets.py --mocap DIR     # AMASS's layout; tests CMU's subjects 02 and 13
    python scripts/benchmark_targets.py                 # generated motion, nothing to download

Every row writes real input files into a temporary folder, runs the command's own job on them, and reads the result
back. "Do nothing" is the input file. Scores are in mm, pelvis-aligned, on the true shape of the open body.
"Take turned" removes one rotation of the whole take, which keypoints in another frame cannot determine.
The script writes targets.md and targets.json into --output. It exits with 1 if a row is worse than doing nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate.scores import MPJPE, PVE
from lsmplify_refine.evaluate.targets.motion import FPS, generated_motion, recorded_motions
from lsmplify_refine.evaluate.targets.rows import Row, from_cameras, in_space, two_people
from lsmplify_refine.evaluate.targets.scores import PVE_TURNED


def table(rows: Sequence[Row]) -> str:
    """Format the rows as Markdown."""
    lines = ["| | MPJPE: do nothing | refined | PVE: do nothing | refined | PVE, take turned: do nothing | refined | "]
    lines[0] += "targets off by: mean / median / 95th |"
    lines.append("| --- " * 8 + "|")
    for row in rows:
        found = row.figures
        cells = [f"{found[f'{name}_{when}']:.1f}" for name in (MPJPE, PVE, PVE_TURNED) for when in ("before", "after")]
        targets = (
            [f"{found[f'targets_{name}_mm']:.1f}" for name in ("mean", "median", "95th")] if row.targets_mm else []
        )
        name = f"{row.group}: {row.name}{'' if row.improved else ' **(worse)**'}"
        lines.append("| " + " | ".join([name, *cells, " / ".join(targets) or "-"]) + " |")
    return "\n".join(lines)


def main() -> int:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder above DATASET/SUBJECT/*_poses.npz")
    parser.add_argument("--takes", type=int, default=8, help="maximum number of takes (default: 8)")
    parser.add_argument("--seconds", type=float, default=8.0, help="maximum length of each take (default: 8)")
    parser.add_argument("--output", type=Path, default=Path(), help="folder to write to (default: the current one)")
    args = parser.parse_args()
    if args.mocap is None:
        motions = [generated_motion(round(args.seconds * FPS), seed=seed) for seed in range(args.takes)]
    else:
        try:
            motions = recorded_motions(args.mocap, args.takes, args.seconds)
        except InputError as error:
            print(error, file=sys.stderr)
            return 2
    frames = sum(map(len, motions))
    print(f"{len(motions)} takes, {frames} frames: {', '.join(motion.name for motion in motions)}", flush=True)
    rows = []
    for row in (row for part in (in_space, from_cameras, two_people) for row in part(motions)):
        rows.append(row)
        print(f"{row.group}: {row.name}: {row.figures}", flush=True)
    print(table(rows))
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "targets.md").write_text(f"{len(motions)} takes, {frames} frames; mm\n\n{table(rows)}\n")
    scores = [{"group": row.group, "name": row.name} | row.figures for row in rows]
    (args.output / "targets.json").write_text(json.dumps(scores, indent=1))
    return 0 if all(row.improved for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
