"""Write a scene with its playback as one HTML file, which opens offline and needs no server."""

from __future__ import annotations

import uuid
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.stopping import check
from lsmplify_refine.view.clip import Clip
from lsmplify_refine.view.pictures import Pictures
from lsmplify_refine.view.stage import Stage, serving

#: Pictures in a page are this wide, and at most so many, so that the file stays small.
_WIDTH_PX, _MAX_PICTURES = 240, 150


def write_page(clip: Clip, path: Path) -> None:
    """Write the scene as HTML.

    Args:
        clip: The scene.
        path: The file.

    Raises:
        InputError: viser is not installed, or the file cannot be written.
    """
    with serving("127.0.0.1", 0) as server:
        stage = Stage(server, clip)
        serializer = server.get_scene_serializer()
        server.initial_camera.position, server.initial_camera.look_at = stage.view_from()
        every = max(1, -(-(clip.stop - clip.start) // _MAX_PICTURES))
        pictures = Pictures(clip.video, _WIDTH_PX) if stage.frustum is not None and clip.video else None
        for frame in range(clip.start, clip.stop):
            check()
            stage.show(frame)
            if pictures is not None and stage.frustum is not None and (frame - clip.start) % every == 0:
                stage.frustum.image = pictures.at(frame)
            serializer.insert_sleep(1 / clip.fps)
        html = serializer.as_html()
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        part.write_text(html, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
