"""Options that verbs share: formats, keypoints, how to refine, and the regressor; each `dest` is the job's field."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from lsmplify_refine.cli._options import ranged, whole_number
from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Align, Gender, Mode, OutputFormat, VideoLayout, VideoOptions
from lsmplify_refine.values.layouts import LAYOUTS
from lsmplify_refine.values.ranges import image_size


def add_formats(files: argparse._ActionsContainer) -> None:
    """What the files are, and where missing keypoints come from."""
    add_convention(files)
    files.add_argument(
        "--detector",
        metavar="NAME",
        help="detect 2D keypoints in the video instead of using the input's: mediapipe, rtmpose or an installed "
        "detector (default: mediapipe if the input has no keypoints)",
    )
    files.add_argument(
        "--detector-model", type=Path, metavar="FILE", help="model file of the detector (default: downloaded once)"
    )
    files.add_argument(
        "--format",
        metavar="NAME[:OPTION=VALUE,...]",
        help="format of the input, such as wham or generic:family=smplx (default: recognised by content)",
    )
    add_output_format(files, default="the input's, for everybody")
    files.add_argument(
        "--trust-pickle",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="let this file run the code in its pickle; only for files of your own (repeatable; default: none)",
    )


def add_convention(files: argparse._ActionsContainer) -> None:
    """Which points the keypoints are."""
    files.add_argument(
        "--keypoint-convention",
        choices=tuple(LAYOUTS),
        metavar="NAME",
        help=f"convention of keypoints whose file does not state it (default: what it states): {', '.join(LAYOUTS)}",
    )


def add_inputs(files: argparse._ActionsContainer, metavar: str, help: str) -> None:
    """What is read, as `source` by its place and as `input` by `--input`; `help` says what it is."""
    files.add_argument("source", nargs="*", default=[], type=Path, metavar=metavar, help=help)
    files.add_argument("-i", "--input", type=Path, nargs="+", default=[], metavar="PATH", help=f"the same as {metavar}")


def add_calibration(files: argparse._ActionsContainer, keypoints: str) -> None:
    """The cameras of multi-view keypoints; `keypoints` is the option that takes these."""
    files.add_argument(
        "--calibration",
        type=Path,
        metavar="PATH",
        help=f"camera calibration, a folder of intri.yml and extri.yml or a Pose2Sim .toml; {keypoints} is then the "
        "folder of all cameras' 2D keypoints (default: keypoints of one camera, or in space)",
    )


def add_output_format(files: argparse._ActionsContainer, default: str) -> None:
    """What is written; `default` says in words what without this option."""
    files.add_argument(
        "--output-format",
        choices=get_args(OutputFormat),
        action="append",
        help=f"write one person in this format (default: {default}; repeatable); the notes say what that changes",
    )


def add_ways(how: argparse._ActionsContainer) -> None:
    """How to refine."""
    add_person(
        how,
        "only the person nearest to the camera, or with this track id; of keypoints in space, or if the result holds "
        "one person, the keypoints' nearest person or id (default: all)",
        gender="the input's",
    )
    how.add_argument(
        "--align",
        choices=get_args(Align),
        help="how to bring 3D keypoints into the result's frame: camera leaves them as they are, torso aligns hips and "
        "shoulders, procrustes aligns and scales all points (default: auto, the best fit, named in the report)",
    )


def add_person(how: argparse._ActionsContainer, person: str, *, gender: str) -> None:
    """Which person, lens, body and smoothing.

    Args:
        how: Where to add them.
        person: Help for `--person`.
        gender: The default gender, in words.
    """
    how.add_argument("--person", metavar="nearest|ID", help=person)
    how.add_argument(
        "--focal-px",
        type=ranged("focal_px"),
        metavar="F",
        help="focal length in pixels (default: the file's, else the image diagonal)",
    )
    how.add_argument(
        "--body-model",
        type=Path,
        metavar="PATH",
        help="your SMPL, SMPL-H or SMPL-X file, or a folder of them (default: the open body)",
    )
    how.add_argument("--gender", choices=get_args(Gender), help=f"gender of --body-model (default: {gender})")
    how.add_argument(
        "--smooth-seconds",
        type=ranged("smooth_seconds"),
        metavar="S",
        help="low-pass of the correction in seconds; 0 fits each frame on its own; deprecated, goes with the next "
        "release (default: the motion model's own)",
    )


def add_regressor(learned: argparse._ActionsContainer) -> None:
    """The regressor."""
    learned.add_argument(
        "--weights",
        metavar="FILE",
        help="shipped, none for the projection alone, a file from `train`, or Learnable SMPLify's best_ckpt.pth.tar "
        "(default: shipped)",
    )
    learned.add_argument(
        "--mode",
        choices=get_args(Mode),
        help="plug-in starts every frame from the estimate; sequential starts it from the previous frame's result if "
        "that is nearer to the keypoints (default: plug-in)",
    )
    learned.add_argument(
        "--passes", type=ranged("passes", int), metavar="N", help="apply the regressor N times (default: 1)"
    )


def add_rate(how: argparse._ActionsContainer) -> None:
    """The frame rate."""
    how.add_argument(
        "--fps", type=ranged("fps"), metavar="N", help="frame rate (default: the video's, else the file's, else 30)"
    )


def add_keypoint_rate(how: argparse._ActionsContainer) -> None:
    """The frame rate of keypoints in a file of their own."""
    how.add_argument(
        "--keypoint-fps",
        type=ranged("keypoint_fps"),
        metavar="N",
        help="frame rate of the keypoints, if it is not the result's (default: what they state)",
    )


def add_video_options(shown: argparse._ActionsContainer, *, one_clip: bool = True, as_read: bool = True) -> None:
    """What the comparison video shows.

    Args:
        shown: Where to add them.
        one_clip: Whether they are for one clip, and not for those of a batch, which calls a data set's form its layout.
        as_read: Whether there is an input to show as it was read.
    """
    defaults = VideoOptions()
    shown.add_argument(
        *(["--layout"] if one_clip else []),
        "--video-layout",
        dest="video_layout",
        choices=get_args(VideoLayout),
        help="how before and after are shown: beside each other; over each other; on both sides of an edge that goes "
        f"to and fro; beside the clip itself; in the result's world (default: {defaults.video_layout})",
    )
    if as_read:
        shown.add_argument(
            "--as-read",
            action="store_true",
            help="show the input as read too, before its shape and place are fitted (not for wipe and world)",
        )
    shown.add_argument(
        "--only-worst",
        type=ranged("only_worst"),
        metavar="SECONDS",
        help="only the moments with the largest errors after refining, so long in all (default: the whole clip)",
    )
    if one_clip:
        shown.add_argument(
            "--snapshot",
            type=whole_number,
            action="append",
            metavar="FRAME",
            help="write this frame as <name>_frame_<FRAME>.png too, also with --no-video (default: none; repeatable)",
        )


def add_image_size(how: argparse._ActionsContainer) -> None:
    """The size of the images."""
    how.add_argument(
        "--image-size",
        type=_image_size,
        metavar="WxH",
        help="size in pixels of the images of 2D keypoints, if there is no video (default: the video's or the file's)",
    )


def _image_size(text: str) -> tuple[int, int]:
    """A size such as 1920x1080, for argparse."""
    try:
        return image_size(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
