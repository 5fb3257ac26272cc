"""Reports of generated people, as the JSON file holds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from lsmplify_refine import Estimate, refine
from lsmplify_refine.job.job import Job, Outcome, Outputs
from lsmplify_refine.job.report import build_report
from lsmplify_refine.values.notes import Note


def report_of(*people: Estimate, notes: Sequence[Note] = (), source: str = "clip/hmr4d_results.pt") -> dict[str, Any]:
    """The report of refined people."""
    refinements = tuple(refine(person, weights="none") for person in people)
    outcome = Outcome(refinements, Outputs(Path("a_refined.pt"), Path("a_report.json")), tuple(notes))
    report: dict[str, Any] = json.loads(json.dumps(build_report(Job(Path(source)), outcome, device="cpu")))
    return report


#: Text that runs a script wherever it is not escaped.
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'"


def poisoned(report: dict[str, Any]) -> dict[str, Any]:
    """A report whose every text ends in one that must not run, but for those that decide how the page is built."""
    found: dict[str, Any] = _poisoned(report)
    found["settings"][HOSTILE] = HOSTILE
    for new, old in zip(found["people"], report["people"], strict=True):
        new["per_frame"]["status"] = old["per_frame"]["status"]
    return found


def _poisoned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item) for item in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


class Page(HTMLParser):
    """What a page holds: tags with their attributes, numbers by their place in the report, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.numbers: dict[str, str] = {}
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "data-json" in attributes:
            self.numbers[attributes["data-json"] or ""] = attributes["value"] or ""

    def handle_data(self, data: str) -> None:
        self.text += data


def at(report: Any, pointer: str) -> Any:
    """The value at a JSON pointer."""
    for step in pointer.strip("/").split("/"):
        report = report[int(step)] if isinstance(report, list) else report[step]
    return report
