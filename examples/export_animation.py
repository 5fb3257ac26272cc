"""Export a refined motion for animation tools: BVH (Blender, MotionBuilder) and glTF (Unity, Unreal, browsers).

    python examples/export_animation.py [RESULT]

Without a RESULT, the built-in demo is exported. `.glb` needs `pip install 'lsmplify-refine[export]'`. On the command
line, the same is `lsmplify-refine RESULT --output-format bvh --output-format glb`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from lsmplify_refine import load, refine
from lsmplify_refine.formats.export import SUFFIXES, export
from lsmplify_refine.job.demo import copy_input
from lsmplify_refine.options import OutputFormat
from lsmplify_refine.values.body_shape import BodyShape


def main(result: Path, folder: Path) -> None:
    """Refine the first person, and write the motion in both formats."""
    done = refine(load(result)[0])
    shape = BodyShape(done.after.betas, done.after.scale)  # the person's shape, as it was fitted
    formats: tuple[OutputFormat, ...] = ("bvh", "glb") if find_spec("pygltflib") else ("bvh",)
    folder.mkdir(parents=True, exist_ok=True)
    for name in formats:
        path = folder / f"motion{SUFFIXES[name]}"
        notes = export(done.refined, path, name, body=done.after.body, shape=shape)
        print(f"wrote {path}")
        for note in notes:
            print(f"  {note.text}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else copy_input(Path("example_output/demo")), Path("example_output"))
