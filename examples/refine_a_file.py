"""Refine a result from Python: read it, refine each person, look at the numbers, and write the same file back.

    python examples/refine_a_file.py [RESULT]

Without a RESULT, the built-in demo is refined. RESULT is a file or folder of any estimator that the package reads,
with its keypoints (see docs/formats.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

from lsmplify_refine import Refiner, load, save
from lsmplify_refine.job.demo import copy_input


def main(result: Path) -> None:
    """Refine everybody in the result."""
    people = load(result)  # one Estimate per person, in the file's own coordinates
    refiner = Refiner()  # prepared once, for all people and files

    refined = []
    for person in people:
        done = refiner.refine(person)
        before, after = done.metrics["calibrated"], done.metrics["refined"]
        for name in after:
            print(f"person {person.track_id}: {name}: {before.get(name, float('nan')):.2f} -> {after[name]:.2f}")
        kept = int((done.blend < 1).sum())
        print(f"person {person.track_id}: {kept} of {len(person)} frames keep some or all of their pose")
        for note in done.notes:
            print(f"  {note.severity}: {note.text}")
        refined.append(done.refined)

    # the same container: key order, dtypes and shapes; what was not refined keeps its bytes
    source = people[0].source or result
    save(refined, source.with_name(f"{source.stem}_from_python{source.suffix}"), overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else copy_input(Path("example_output/demo")))
