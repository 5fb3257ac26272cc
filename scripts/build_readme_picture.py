"""Make the README's moving picture: the comparison video of the built-in demo, as an animated WebP.

    python scripts/build_readme_picture.py [FILE]

Nothing is drawn by hand: the frames are those that `lsmplify-refine demo` writes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
from PIL import Image

from lsmplify_refine.job.demo import copy_input
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.visual.video import probe, read_frames

#: Width in pixels, about that of a page on GitHub.
WIDTH = 900
#: Pictures a second, if the video has as many.
FPS = 30.0
QUALITY = 75


def main() -> None:
    """Write the picture."""
    assets = Path(__file__).resolve().parents[1] / "assets"
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else assets / "before_after.webp"
    with tempfile.TemporaryDirectory() as folder:
        video = run(Job(input=copy_input(Path(folder)), write_page=False)).outputs.comparison
        if video is None:
            raise SystemExit("no comparison video was drawn; see `lsmplify-refine doctor`")
        every = max(1, round(float(probe(video).fps) / FPS))
        frames = [frame for index, frame in enumerate(read_frames(video)) if index % every == 0]
    height = round(frames[0].shape[0] * WIDTH / frames[0].shape[1])
    pictures = [Image.fromarray(cv2.resize(frame, (WIDTH, height), interpolation=cv2.INTER_AREA)) for frame in frames]
    first, *others = pictures
    first.save(target, save_all=True, append_images=others, duration=1000 / FPS, loop=0, quality=QUALITY, method=4)
    print(f"wrote {target}: {len(pictures)} pictures, {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
