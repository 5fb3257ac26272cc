"""`Bodies`: the body models that estimates and truth are posed on."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Family, Gender


class Bodies:
    """Body models by gender and family, loaded once.

    Args:
        path: A SMPL-family file or a folder of them; None for the open body, which has no genders and no shapes of
            SMPL: it compares poses alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._load = lru_cache(maxsize=6)(self._loaded)

    def check_genders(self, genders: Collection[Gender]) -> None:
        """Check that there may be a body for each of these genders.

        Args:
            genders: Those of the bodies that are compared.

        Raises:
            InputError: There is a single file, which stands for one gender.
        """
        if self._path is not None and self._path.is_file() and len(set(genders)) > 1:
            names = ", ".join(sorted(set(genders)))
            raise InputError(
                f"{self._path}: one body for estimate and truth of different genders ({names}); "
                "give the folder of your models as --body-model"
            )

    def of(self, gender: Gender, *families: Family) -> BodyModel:
        """The body of a gender, of the first of these families that there is, or else of any.

        Args:
            gender: Of the body.
            families: In order of preference.

        Raises:
            InputError: There is none of this gender.
        """
        return self._load(gender, families)

    def _loaded(self, gender: Gender, families: tuple[Family, ...]) -> BodyModel:
        if self._path is None:
            return BodyModel.open()
        for family in families if self._path.is_dir() else ():
            name = f"{family.upper()}_{gender.upper()}"
            files = [file for ending in ("npz", "pkl") for file in sorted(self._path.rglob(f"{name}.{ending}"))]
            if files:
                return BodyModel.load(files[0], gender)
        return BodyModel.load(self._path, gender)
