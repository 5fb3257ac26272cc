from __future__ import annotations

import json
from pathlib import Path

import pytest

from lsmplify_refine.batch.manifest import manifest_text, name_of, read_manifest
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.errors import InputError

ROWS = [
    Row(
        "judo/a",
        Path("in/a.pt"),
        groups={"sport": "judo", "view": "1"},
        options={"person": "2", "focal_px": "1000", "image_size": "640x360"},
    ),
    Row("b", Path("in/b, with commas.npz"), Path("v.mp4"), Path("k.json"), Path("Calib.toml"), "amass:truth/b.npz"),
]


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_manifest_comes_back_as_it_was(ending: str, tmp_path: Path) -> None:
    rows = [
        Row(
            row.name,
            tmp_path / row.input,
            row.video and tmp_path / row.video,
            row.keypoints and tmp_path / row.keypoints,
            row.calibration and tmp_path / row.calibration,
            row.truth and row.truth.replace(":", f":{tmp_path}/"),
            row.groups,
            row.options,
        )
        for row in ROWS
    ]
    path = tmp_path / f"m{ending}"
    path.write_text(manifest_text(rows, path))
    assert read_manifest(path) == rows
    assert str(tmp_path) not in path.read_text()


def test_other_words_for_columns_and_names_from_inputs(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("input,output,camera,person\nx/one.pt,,,\n../two.pt,second,c.toml,7\n")
    first, second = read_manifest(path)
    assert (first.name, first.calibration, first.options) == ("x/one", None, {})
    assert (second.name, second.calibration, second.options) == ("second", tmp_path / "c.toml", {"person": "7"})


def test_paths_of_options_and_truth_are_relative_to_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('input,truth,body_model,weights\na.pt,"aistpp,view=c01:t/a.pkl",b.npz,none\nc.pt,,,w.pt\n')
    first, second = read_manifest(path)
    assert first.truth == f"aistpp,view=c01:{tmp_path / 't/a.pkl'}"
    assert first.job_options() == {"body_model": tmp_path / "b.npz", "weights": "none"}
    assert second.job_options() == {"weights": tmp_path / "w.pt"}
    assert read_manifest(path) == [first, second]
    assert 'truth,body_model,weights\na,a.pt,"aistpp,view=c01:t/a.pkl",b.npz,none' in manifest_text(
        [first, second], path
    )


def test_numbers_in_json_are_options_too(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps({"input": "a.pt", "focal_px": 900, "video": None}) + "\n\n")
    (row,) = read_manifest(path)
    assert row.job_options() == {"focal_px": 900.0} and row.video is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "", "without clips"),
        ("m.csv", "input\n", "without clips"),
        ("m.csv", "name\na\n", "line 2: input is empty"),
        ("m.csv", "input,colour\na,red\n", "colour: not a column; known: name, input"),
        ("m.csv", "input,focal_px\na.pt,wide\n", "m.csv: line 2: focal_px: wide is not a number"),
        ("m.csv", "input,name\na.pt,../b\n", "line 2: ../b: not a clip's name"),
        ("m.csv", "input,name\na.pt\n", "line 2: not as many cells"),
        ("m.csv", "input\na.pt,b\n", "line 2: not as many cells"),
        ("m.csv", "input\nx/a.pt\nx/a.npz\n", "x/a: the name of 2 clips"),
        ("m.csv", 'input\n"a.pt\n', "not readable as CSV"),
        ("m.jsonl", "[1]\n", "line 1: not an object"),
        ("m.jsonl", '{"input": ["a"]}\n', "input: must be one text or number"),
        ("m.jsonl", '{"input": "a.pt"}\n{"input"\n', "line 2"),
        ("m.jsonl", "[" * 5000 + "\n", "nested too deeply"),
    ],
)
def test_bad_manifests_are_refused_with_their_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path / name)


@pytest.mark.parametrize(
    ("path", "whole", "name"),
    [
        ("a/b.pt", False, "a/b"),
        ("a/b.pt", True, "a/b.pt"),
        ("../../a/b.tar.gz", False, "a/b.tar"),
        ("/data/clip.npz", False, "data/clip"),
        ("a\\b/c.pt", False, "a_b/c"),
    ],
)
def test_names_come_from_paths(path: str, whole: bool, name: str) -> None:
    assert name_of(path, whole=whole) == name
