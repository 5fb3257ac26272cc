"""A set of files appears whole or not at all, whatever ends the run and wherever."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from lsmplify_refine import stopping
from lsmplify_refine.errors import InputError
from lsmplify_refine.job import moves
from lsmplify_refine.job.run_lock import acquire
from lsmplify_refine.job.transaction import PREFIX, FileSet, recover, transaction
from tests.support.faults import CHANGES, acting_at, die, in_child, needs_fork, tree

NAMES = ("a_refined.pt", "sub/a.json", "a.mp4")
OLD, NEW = ({name: f"{age} {name}" for name in NAMES} for age in ("old", "new"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of sets: the disk need not be waited for, but for the one of the first test."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def files(folder: Path) -> FileSet:
    return FileSet(folder, "a", NAMES, optional=frozenset({"a.mp4"}))


def write(folder: Path, content: dict[str, str] = NEW, *, overwrite: bool = False) -> None:
    with transaction(files(folder), overwrite=overwrite) as hidden:
        for name, text in content.items():
            (hidden / name).write_text(text)


def begun(folder: Path, *, overwrite: bool) -> Path:
    """A folder to write to, with an earlier set if that is replaced."""
    folder.mkdir()
    if overwrite:
        write(folder, OLD)
    return folder


def test_a_set_moves_into_place_when_it_is_whole(tmp_path: Path) -> None:
    with transaction(files(tmp_path / "new"), overwrite=False) as hidden:
        for name in NAMES:
            (hidden / name).write_text(NEW[name])
        assert not any((tmp_path / "new" / name).exists() for name in NAMES)
    assert tree(tmp_path / "new") == NEW
    write(tmp_path / "new", OLD, overwrite=True)
    assert tree(tmp_path / "new") == OLD


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_an_error_changes_nothing(error: type[BaseException], overwrite: bool, tmp_path: Path) -> None:
    folder = begun(tmp_path / "f", overwrite=overwrite)
    with pytest.raises(error), transaction(files(folder), overwrite=overwrite) as hidden:
        (hidden / NAMES[0]).write_text("half")
        raise error
    assert tree(folder) == (OLD if overwrite else {})
    assert not list(folder.glob(f"{PREFIX}*"))


def test_an_optional_file_that_is_not_written_takes_the_earlier_one_with_it(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    some = {name: NEW[name] for name in NAMES[:2]}
    write(tmp_path, some, overwrite=True)
    assert tree(tmp_path) == some
    with pytest.raises(FileNotFoundError, match="was not written"):
        write(tmp_path, {NAMES[1]: "alone"}, overwrite=True)
    assert tree(tmp_path) == some


def test_superseded_files_go_only_if_the_set_replaces_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_text("mine")
    fileset = FileSet(tmp_path, "b", ("b.json",), superseded=("b.mp4",))
    for overwrite, left in ((False, {"b.json": "x", "b.mp4": "mine"}), (True, {"b.json": "x"})):
        with transaction(fileset, overwrite=overwrite) as hidden:
            (hidden / "b.json").write_text("x")
        assert tree(tmp_path) == left


@pytest.mark.slow
@needs_fork
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_the_next_run_finds_a_whole_set(overwrite: bool, after: bool, tmp_path: Path) -> None:
    """`kill -9` before and after each change of the disk; then a run on another set, or the same run again."""
    seen = set()
    for step in range(1, 200):
        folder = begun(tmp_path / str(step), overwrite=overwrite)

        def killed(folder: Path = folder, step: int = step) -> None:
            with acting_at(step, die, after=after):
                write(folder, overwrite=overwrite)

        code = in_child(killed)
        recover(folder)
        left = tree(folder)
        assert left in ({}, NEW) if not overwrite else left in (OLD, NEW), step
        assert not list(folder.glob(f"{PREFIX}*")), step
        seen.add(left == NEW)
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert seen == {False, True} and 20 < step < 199


@needs_fork
@pytest.mark.parametrize("overwrite", [False, True])
def test_killed_at_any_step_the_same_run_again_gives_the_set(overwrite: bool, tmp_path: Path) -> None:
    for step in range(1, 200):
        folder = begun(tmp_path / str(step), overwrite=overwrite)

        def killed(folder: Path = folder, step: int = step) -> None:
            with acting_at(step, die):
                write(folder, dict.fromkeys(NAMES, "dead"), overwrite=overwrite)

        if in_child(killed) == 0:
            break
        try:
            write(folder, overwrite=overwrite)
        except InputError as error:
            # it died when all was in place
            assert not overwrite and "exists already" in str(error)
            assert tree(folder) == dict.fromkeys(NAMES, "dead")
            write(folder, overwrite=True)
        assert tree(folder) == NEW, step
        assert not list(folder.glob(f"{PREFIX}*")), step
    assert 20 < step < 199


@needs_fork
def test_killed_while_recovering_the_one_after_recovers(tmp_path: Path) -> None:
    for step in range(1, 60):
        folder = begun(tmp_path / str(step), overwrite=True)

        def killed(folder: Path = folder) -> None:
            with acting_at(2, die, on=("replace",), after=True):
                write(folder, overwrite=True)

        def killed_again(folder: Path = folder, step: int = step) -> None:
            with acting_at(step, die):
                recover(folder)

        assert in_child(killed) == -signal.SIGKILL
        assert tree(folder) != NEW
        code = in_child(killed_again)
        recover(folder)
        assert tree(folder) == NEW and not list(folder.glob(f"{PREFIX}*")), step
        if code == 0:
            break
    assert 5 < step < 59


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("lasting", [False, True])
def test_a_disk_that_fails_at_any_step_leaves_a_whole_set(
    number: int, overwrite: bool, lasting: bool, tmp_path: Path
) -> None:
    """Every change of the disk fails, once or from then on: an error, and the earlier set; or no error, and the new."""
    failed = 0
    for step in range(1, 200):
        folder = begun(tmp_path / str(step), overwrite=overwrite)
        left = [1]

        def fail(left: list[int] = left) -> None:
            if lasting or left.pop() if left else False:
                raise OSError(number, os.strerror(number))

        message = ""
        try:
            with acting_at(step, fail):
                write(folder, overwrite=overwrite)
        except (InputError, OSError) as error:
            message = str(error)
            failed += 1
        if "the next run" not in message:
            shown = {name: text for name, text in tree(folder).items() if not name.startswith(".")}
            assert shown == ((OLD if overwrite else {}) if message else NEW), (step, message)
        recover(folder)
        assert tree(folder) in (OLD if overwrite else {}, NEW), (step, message)
        assert not list(folder.glob(f"{PREFIX}*")), step
        if left and not lasting:
            break
        if lasting and not message and step > 40:
            break
    assert failed > 10


def test_moves_that_fail_are_undone_and_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, OLD)
    move, moved = moves._move, []

    def fail_at_the_fourth(source: Path, target: Path) -> None:
        moved.append(target)
        if len(moved) == 4:
            raise OSError(errno.EIO, "Input/output error", str(source), None, str(target))
        move(source, target)

    monkeypatch.setattr(moves, "_move", fail_at_the_fourth)
    with pytest.raises(InputError, match=r"cannot be written to \(Input/output error\); nothing was changed"):
        write(tmp_path, overwrite=True)
    assert len(moved) > 4 and tree(tmp_path) == OLD


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_signal_at_any_step_waits_for_a_whole_set(number: int, overwrite: bool, tmp_path: Path) -> None:
    for step in range(1, 200):
        folder = begun(tmp_path / str(step), overwrite=overwrite)
        sent: list[int] = []

        def send(sent: list[int] = sent) -> None:
            if not sent:
                sent.append(number)
                signal.raise_signal(number)

        with stopping.watched():
            try:
                with acting_at(step, send):
                    write(folder, overwrite=overwrite)
                    stopping.check()
            except stopping.Stopped as stop:
                assert stop.number == number
                whole = stopping.remains() == "the results were written already"
                assert whole == (tree(folder) == NEW), step
            assert bool(sent) == (stopping.received() is not None)
        assert tree(folder) == NEW and not list(folder.glob(f"{PREFIX}*"))
        if not sent:
            break
    assert 20 < step < 199


@needs_fork
@pytest.mark.parametrize("overwrite", [False, True])
def test_without_handlers_ctrl_c_waits_for_the_moves(overwrite: bool, tmp_path: Path) -> None:
    """In Python, without the command's handlers: an interrupt while the set moves comes when all of it is there."""
    for step in range(1, 7):
        folder = begun(tmp_path / str(step), overwrite=overwrite)

        def interrupted(folder: Path = folder, step: int = step) -> int:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                with acting_at(step, lambda: signal.raise_signal(signal.SIGINT), on=("replace",)):
                    write(folder, overwrite=overwrite)
            except KeyboardInterrupt:
                return 130
            return 0

        code = in_child(interrupted)
        assert tree(folder) == NEW and not list(folder.glob(f"{PREFIX}*"))
        assert code == 130 or step > (len(NAMES) + 1) * (1 + overwrite)


def test_a_second_run_on_the_set_says_who_holds_it(tmp_path: Path) -> None:
    with transaction(files(tmp_path), overwrite=False) as hidden:
        for overwrite in (False, True):
            with pytest.raises(
                InputError, match=rf"a_refined.pt: is being written by another run \(process {os.getpid()} "
            ):
                write(tmp_path, OLD, overwrite=overwrite)
        for name in NAMES:
            (hidden / name).write_text(NEW[name])
    assert tree(tmp_path) == NEW


def test_runs_on_other_sets_of_the_folder_go_on_side_by_side(tmp_path: Path) -> None:
    other = FileSet(tmp_path, "b", ("b.json",))
    with transaction(files(tmp_path), overwrite=False) as hidden:
        with transaction(other, overwrite=False) as beside:
            (beside / "b.json").write_text("b")
        for name in NAMES:
            (hidden / name).write_text(NEW[name])
    assert tree(tmp_path) == NEW | {"b.json": "b"}


def test_runs_at_once_never_mix(tmp_path: Path) -> None:
    """Threads that begin together, fifty times: each folder holds one run's set, and the others were told."""
    for trial in range(50):
        folder, gate = tmp_path / str(trial), threading.Barrier(3)
        told: list[str] = []

        def run(text: str, folder: Path = folder, gate: threading.Barrier = gate, told: list[str] = told) -> None:
            gate.wait()
            try:
                write(folder, dict.fromkeys(NAMES, text))
            except InputError as error:
                told.append(str(error))

        threads = [threading.Thread(target=run, args=(text,)) for text in "xyz"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = tree(folder)
        assert found.keys() == set(NAMES) and len(set(found.values())) == 1
        assert len(told) == 2
        assert all("another run" in text or "exists already" in text for text in told)


def test_what_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="exists already"),
        transaction(files(tmp_path), overwrite=False) as hidden,
    ):
        for name in NAMES:
            (hidden / name).write_text(NEW[name])
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "a.json").write_text("mine")
    assert tree(tmp_path) == {"sub/a.json": "mine"}


@needs_fork
def test_what_appears_after_a_dead_run_is_not_replaced_either(tmp_path: Path) -> None:
    def killed() -> None:
        with acting_at(2, die, on=("replace",)):  # the first is the journal's
            write(tmp_path)

    assert in_child(killed) == -signal.SIGKILL
    (tmp_path / NAMES[0]).write_text("mine")
    recover(tmp_path)
    assert tree(tmp_path) == {NAMES[0]: "mine"}


@pytest.mark.parametrize(
    ("folder", "name", "message"),
    [("new", "x" * 300, "no file can have this name"), ("nul\0", "x", "cannot be written to"), ("y" * 300, "x", "to")],
)
def test_names_that_cannot_be_stored_are_told_before_the_work(
    folder: str, name: str, message: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(InputError, match=message),
        transaction(FileSet(tmp_path / folder, "a", (name,)), overwrite=False),
    ):
        pytest.fail("the work began")
    assert not list(tmp_path.iterdir())


def test_messages_name_the_users_file(tmp_path: Path) -> None:
    for raised in (InputError, OSError):
        with pytest.raises(InputError) as told, transaction(files(tmp_path), overwrite=False) as hidden:
            path = hidden / NAMES[0]
            raise InputError(f"{path}: no") if raised is InputError else OSError(errno.ENOSPC, "full", str(path))
        assert str(told.value).startswith(str(tmp_path / NAMES[0])) and PREFIX not in str(told.value)


def plant(folder: Path, commit: object) -> None:
    hidden = files(folder).hidden
    for part in ("new", "old"):
        (hidden / part).mkdir(parents=True)
    (hidden / "new" / "evil").write_text("evil")
    (hidden / "commit").write_text(json.dumps(commit))


@pytest.mark.parametrize(
    "commit",
    [
        {"written": ["../evil"], "left_out": [], "overwrite": True},
        {"written": [], "left_out": ["../mine"], "overwrite": True},
        {"written": ["/evil"], "left_out": [], "overwrite": True},
        {"written": [""], "left_out": [], "overwrite": True},
        {"written": "evil", "left_out": None},
        ["evil"],
    ],
)
def test_a_planted_journal_leads_nowhere_else(commit: object, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    folder = tmp_path / "in"
    plant(folder, commit)
    recover(folder)
    assert tree(tmp_path) == {"mine": "mine"}


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "new").write_text("mine")
    folder = tmp_path / "in"
    folder.mkdir()
    files(folder).hidden.symlink_to(tmp_path / "mine")
    recover(folder)
    write(folder)
    assert tree(tmp_path / "mine") == {"new": "mine"} and tree(folder) == NEW
    other = FileSet(folder, "other", ("x",))
    other.hidden.mkdir()
    (other.hidden / "lock").symlink_to(tmp_path / "mine" / "new")
    with pytest.raises(InputError), transaction(other, overwrite=False):
        pytest.fail("the link was followed")
    assert tree(tmp_path / "mine") == {"new": "mine"}


def test_a_live_runs_folder_is_left_alone(tmp_path: Path) -> None:
    lock = acquire(files(tmp_path).hidden)
    (lock.folder / "new").mkdir()
    (lock.folder / "new" / "x").write_text("at work")
    recover(tmp_path)
    assert (lock.folder / "new" / "x").exists()
    (lock.folder / "new" / "x").unlink()
    (lock.folder / "new").rmdir()
    lock.release()
    assert not list(tmp_path.iterdir())


def test_every_change_of_the_disk_is_counted(tmp_path: Path) -> None:
    """The faults above reach every step: each kind of change happens in a transaction."""

    def fail() -> None:
        raise InputError("counted")

    for name in CHANGES:
        with pytest.raises(InputError, match="counted"), acting_at(1, fail, on=(name,)):
            write(tmp_path / name)
