"""What runs share: bodies and refiners, which a process of many clips opens once."""

from __future__ import annotations

from typing import Any

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.job import JobOptions
from lsmplify_refine.values.estimate import Estimate

#: More than one batch has of either: body models of three genders, with a few sets of options.
_MAX_KEPT = 8


class Tools:
    """Opens bodies and refiners, and keeps the last few of each."""

    def __init__(self) -> None:
        self._bodies: dict[Any, BodyModel] = {}
        self._refiners: dict[Any, Refiner] = {}

    def body(self, job: JobOptions, estimate: Estimate | None = None) -> BodyModel:
        """The user's body model, or else the open one.

        Args:
            job: Its options name the model.
            estimate: Its gender counts if the options name none; without an estimate, neutral.

        Raises:
            InputError: The body model cannot be loaded, or a gender is given for the open body.
        """
        if job.body_model is None and job.gender is not None:
            raise InputError(
                f"--gender {job.gender}: the open body has no genders; give your SMPL-family file as --body-model"
            )
        gender = job.gender or (estimate.gender if estimate is not None else "neutral")
        key = None if job.body_model is None else (job.body_model, gender)
        if key not in self._bodies:
            opened = BodyModel.open() if job.body_model is None else BodyModel.load(job.body_model, gender=gender)
            _keep(self._bodies, key, opened)
        return self._bodies[key]

    def refiner(self, body: BodyModel, device: str, options: dict[str, Any]) -> Refiner:
        """A refiner on a body.

        Args:
            body: As `body` gives it.
            device: The torch device.
            options: Of `RefineOptions`.

        Raises:
            InputError: An option is out of range, or the weights cannot be used.
        """
        key = (id(body), device, *options.items())
        found = self._refiners.get(key)
        # an id may be given again once its body is gone
        if found is None or found.body is not body:
            found = Refiner(body, device=device, **options)
            _keep(self._refiners, key, found)
        # of another run
        found.progress = None
        return found


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    if len(kept) >= _MAX_KEPT:
        del kept[next(iter(kept))]
    kept[key] = value
