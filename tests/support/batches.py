"""Small batches: trees of GVHMR results, what a run leaves of them, and engines with faults."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lsmplify_refine.batch.protocol import WorkerLostError
from lsmplify_refine.batch.record import STATE
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.videos import Videos
from lsmplify_refine.batch.worker import Done, Task, work
from tests.support import clips

NAMES = ("judo/a", "judo/b", "tennis/a")

#: Without the network: the tests of batches are not about results.
QUICK: dict[str, Any] = {"weights": "none"}

#: Files in a clip's folder at which a worker with `faulty_work` ends: always, once, or not for a long time.
KILLS, KILLS_ONCE, HANGS = "kills", "kills_once", "hangs"


def write_tree(root: Path, names: tuple[str, ...] = NAMES, *, video: bool = False) -> Path:
    """A GVHMR folder for each name; the results differ in their shape."""
    for number, name in enumerate(names):
        folder = root / name
        (folder / "preprocess").mkdir(parents=True)
        results = clips.results()
        results["smpl_params_incam"]["transl"] += 0.01 * number
        torch.save(results, folder / "hmr4d_results.pt")
        torch.save(clips.keypoints(), folder / "preprocess" / "vitpose.pt")
        if video:
            clips.write_video(folder / "0_input_video.mp4")
    return root


def settings(output: Path, **changed: Any) -> Settings:
    """Settings of a quick batch in this process."""
    given: dict[str, Any] = {"options": QUICK, "device": "cpu", "jobs": 0, "videos": Videos("none")}
    return Settings(output=output, **given | changed)


def outputs(folder: Path) -> dict[str, bytes]:
    """What a batch leaves for its user, and hidden files but for its records; the summary and its page have times."""
    found = clips.contents(folder)
    varying = (f"{STATE}/records", f"{STATE}/run_", f"{STATE}/manifest.jsonl", "summary.", "run.html")
    return {name: content for name, content in found.items() if not name.startswith(varying)}


class FakeEngine:
    """Runs tasks in this process, but keeps them back until `slots` of them are there.

    A task with a clip of `killers` loses its worker, and the workers of all tasks that are kept back with it. If
    `seconds` is given, nothing is refined, and each clip is said to have taken so long.
    """

    def __init__(self, slots: int = 1, killers: tuple[str, ...] = (), seconds: float | None = None) -> None:
        self._slots, self._killers, self._seconds = slots, killers, seconds
        self.tasks: list[tuple[str, ...]] = []
        self.at_once = 0
        self._waiting: list[tuple[Task, Future[list[Done]]]] = []

    def slots(self) -> int:
        return self._slots

    def submit(self, task: Task) -> Future[list[Done]]:
        future: Future[list[Done]] = Future()
        self.tasks.append(tuple(row.name for row in task.rows))
        self._waiting.append((task, future))
        self.at_once = max(self.at_once, len(self._waiting))
        return future

    def check(self) -> None:
        """What is kept back is done, or lost together."""
        waiting, self._waiting = self._waiting, []
        lost = any(row.name in self._killers for task, _ in waiting for row in task.rows)
        for task, future in waiting:
            if lost:
                future.set_exception(WorkerLostError("killed"))
            elif self._seconds is not None:
                future.set_result([Done(row.name, seconds=self._seconds) for row in task.rows])
            else:
                future.set_result(work(task))

    def close(self, *, kill: bool) -> None:
        pass


def faulty_work(task: Task) -> list[Done]:
    """As `work`, with the faults that a clip's files ask for when its turn comes."""
    done = []
    for row in task.rows:
        once = row.input / KILLS_ONCE
        if (row.input / KILLS).exists() or once.exists():
            once.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)
        one = replace(task, rows=(row,))
        if (row.input / HANGS).exists():
            hang()
        done += work(one)
    return done


def hang() -> None:
    """Let the refinement of this process take an hour."""
    from lsmplify_refine.job import run as job_run

    def sleeps(*_: Any, **__: Any) -> Any:
        time.sleep(3600)

    job_run.run = sleeps
