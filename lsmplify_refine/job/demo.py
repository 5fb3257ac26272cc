"""The built-in input: a generated clip with a GVHMR result and keypoints (made by `scripts/build_demo.py`)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.job.transaction import FileSet, transaction, unwritable

#: The built-in files, in GVHMR's layout.
FILES = ("0_input_video.mp4", "hmr4d_results.pt", "preprocess/vitpose.pt")


def copy_input(folder: Path) -> Path:
    """Copy the built-in input into a folder, which is created if it is missing. A half copy is completed.

    Returns:
        The folder, as `--input` takes it.

    Raises:
        InputError: Another file has one of the names, or the folder cannot be written to.
    """
    source = files("lsmplify_refine.assets") / "demo"
    contents = {name: source.joinpath(*name.split("/")).read_bytes() for name in FILES}
    copied = FileSet(folder, "demo input", FILES, when_stopped="no results were written")
    try:
        if all(_begins(copied.path(name), content, whole=True) for name, content in contents.items()):
            return folder
        for name, content in contents.items():
            if copied.path(name).exists() and not _begins(copied.path(name), content):
                raise InputError(f"{copied.path(name)}: exists, and is not the demo's; choose another --output")
        with transaction(copied, overwrite=True) as hidden:
            for name, content in contents.items():
                hidden.joinpath(*name.split("/")).write_bytes(content)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def _begins(path: Path, content: bytes, *, whole: bool = False) -> bool:
    """Whether a file holds the content, or the beginning that a stopped copy leaves."""
    if not path.is_file():
        return False
    found = path.read_bytes()
    return found == content or (not whole and content.startswith(found))
