"""The built-in input: a generated clip with a GVHMR result and keypoints (made by `scripts/build_demo.py`)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.job.outputs import unwritable

#: The built-in files, in GVHMR's layout.
FILES = ("0_input_video.mp4", "hmr4d_results.pt", "preprocess/vitpose.pt")


def copy_input(folder: Path) -> Path:
    """Copy the built-in input into a folder, which is created if it is missing.

    Returns:
        The folder, as `--input` takes it.

    Raises:
        InputError: Another file has one of the names, or the folder cannot be written to.
    """
    source = files("lsmplify_refine.assets") / "demo"
    contents = {folder / name: source.joinpath(*name.split("/")).read_bytes() for name in FILES}
    try:
        for target, content in contents.items():
            if target.exists() and not (target.is_file() and target.read_bytes() == content):
                raise InputError(f"{target}: exists, and is not the demo's; choose another --output")
        for target, content in contents.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder
