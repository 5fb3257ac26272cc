"""The page of a job: its report as HTML, to look at. A failure does not affect the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lsmplify_refine.errors import describe_error
from lsmplify_refine.job.job import Outcome, Outputs
from lsmplify_refine.values.notes import Note


@dataclass(frozen=True)
class DrawnPage:
    """A page, as far as it could be drawn.

    Attributes:
        html: The page, or None.
        notes: What could not be drawn, and why.
        error: Why there is no page.
    """

    html: str | None
    notes: tuple[Note, ...] = ()
    error: Exception | None = None


def draw_page(report: Mapping[str, Any], outcome: Outcome, staging: Outputs) -> DrawnPage:
    """Draw the page.

    Args:
        report: The JSON report.
        outcome: What the job did; the comparison video is not among its outputs if it was not drawn.
        staging: The outputs where they are now.
    """
    outputs = outcome.outputs
    try:
        from lsmplify_refine.pages.clip import Beside, clip_page  # matplotlib takes a second to import
        from lsmplify_refine.pages.film import Film

        beside = Beside(
            results=outputs.results.name,
            report=outputs.report.name,
            more=[path.name for path in outputs.more],
            comparison=outputs.comparison.name if outputs.comparison else None,
            film=Film.of(staging.comparison) if outputs.comparison and staging.comparison else None,
        )
        return DrawnPage(clip_page(report, beside))
    # libraries that draw may raise any error, and none may cost the results
    except Exception as error:
        text = f"no HTML report, only the JSON one: {describe_error(error)}"
        return DrawnPage(None, (Note("page-failed", text, "warning"),), error)
