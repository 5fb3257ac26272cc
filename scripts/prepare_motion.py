"""Check a folder of motion data before training: takes, frames, subjects, ranges of joint angles, split.

    python scripts/prepare_motion.py FOLDER

Training reads motion in AMASS's layout, at any depth below one folder:

    FOLDER/
      CMU/01/01_01_poses.npz           AMASS SMPL-H (156 columns), or SMPL takes (72 columns) in the same layout
      CMU/01/01_01_stageii.npz         AMASS SMPL-X (165 columns); take one release or the other, not both
      KIT/3/walk_01_poses.npz          DATASET/SUBJECT/TAKE: the folder above a file is its subject

Where to get it:

* **AMASS** (https://amass.is.tue.mpg.de): register, accept the licence, download the archives of the data sets that
  you want ("SMPL+H G" or "SMPL-X G"), and unpack them into FOLDER. The licence allows non-commercial research only,
  which includes weights trained on the data. This package does not download it.
* **CMU motion capture** (http://mocap.cs.cmu.edu): free for all uses, as ASF/AMC, and as BVH from several mirrors. It
  is part of AMASS. Without registration, retarget the skeletons to SMPL and write one npz per take:
  `poses` (F, 72) axis-angle in radians, `trans` (F, 3) metres, `betas` (10,) zeros, `mocap_framerate`, `gender`
  "neutral", and `source` "cmu_amc" or "cmu_bvh", which declares that `trans` is the pelvis *joint*, y up. A file
  without `source` is read as AMASS's: `trans` is the model's translation, z up.

Any frame rate is allowed: takes are resampled to 30 fps. CMU subjects 02 and 13 are the test split and are never
trained on. Subject 05 is for choosing settings. `shape.npz` and `*_stagei.npz` are skipped.

Look for joints that hardly move ("at rest") in the table: a prior trained on the data knows nothing about them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lsmplify_refine.errors import InputError
from lsmplify_refine.learn.motion import Split, Take, find_takes, load_take, split_by_subject
from lsmplify_refine.values.smpl_joints import JOINT_NAMES, JOINTS

#: A joint whose angle stays below this is at rest, degrees.
REST_DEG = 1.0


def read_all(paths: list[Path], console: Console) -> tuple[list[Take], list[str]]:
    """Read the usable takes; returns them with one line per unusable file."""
    takes, faults = [], []
    for path in track(paths, "reading", console=console, transient=True):
        try:
            takes.append(load_take(path))
        except InputError as error:
            faults.append(str(error))
    return takes, faults


def subject_table(takes: list[Take]) -> Table:
    """Takes, frames and seconds per subject."""
    table = Table("subject", "takes", "frames", "seconds", title=f"{len(takes)} takes at {takes[0].fps:g} fps")
    for subject in sorted({take.subject for take in takes}):
        own = [take for take in takes if take.subject == subject]
        table.add_row(subject, str(len(own)), str(sum(map(len, own))), f"{sum(take.seconds for take in own):.0f}")
    seconds = sum(take.seconds for take in takes)
    table.add_row("all", str(len(takes)), str(sum(map(len, takes))), f"{seconds:.0f}", style="bold")
    return table


def angle_table(takes: list[Take]) -> Table:
    """Range of each body joint's axis-angle components and of its angle."""
    degrees = np.degrees(np.concatenate([take.rotvec for take in takes]))
    table = Table("joint", "x", "y", "z", "angle, 99 %", title="joint angles in degrees, 1 % to 99 %")
    for joint, name in enumerate(JOINT_NAMES[1:JOINTS], start=1):
        low, high = np.percentile(degrees[:, joint], [1, 99], axis=0)
        largest = np.percentile(np.linalg.norm(degrees[:, joint], axis=-1), 99)
        remark = f"{largest:.0f}" if largest >= REST_DEG else "at rest"
        table.add_row(name, *(f"{a:.0f} to {b:.0f}" for a, b in zip(low, high)), remark)
    return table


def split_table(split: Split) -> Table:
    """Contents of each part of the split."""
    table = Table("part", "takes", "frames", "minutes", "subjects", title="split")
    for part, facts in split.describe().items():
        names = facts["subjects"]
        assert isinstance(names, list)
        shown = ", ".join(names[:15]) + (f", ... ({len(names)})" if len(names) > 15 else "")
        table.add_row(part, str(facts["takes"]), str(facts["frames"]), str(facts["minutes"]), shown)
    return table


def check(folder: Path, console: Console) -> int:
    """Print the contents of a folder; returns 1 if a file is unusable."""
    takes, faults = read_all(find_takes(folder), console)
    for fault in faults:
        console.print(f"unusable: {fault}", style="red", markup=False, soft_wrap=True)
    if takes:
        for table in (subject_table(takes), angle_table(takes), split_table(split_by_subject(takes))):
            console.print(table)
    return 1 if faults else 0


def main() -> int:
    """Parse the arguments and check the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder above DATASET/SUBJECT/*.npz")
    try:
        return check(parser.parse_args().folder, Console())
    except InputError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
