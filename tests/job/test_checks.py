from __future__ import annotations

from pathlib import Path

import pytest

from lsmplify_refine.cli import main
from lsmplify_refine.job import checks


def test_what_refining_needs_works_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert [check for check in checks.examine() if check.needed and not check.ok] == []
    assert main(["doctor"]) == 0
    assert "Refining works here." in capsys.readouterr().out


def test_a_broken_body_is_named_with_its_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "SMPL_NEUTRAL.npz"
    broken.write_bytes(b"broken")
    assert main(["doctor", "--body-model", str(broken)]) == 1
    shown = capsys.readouterr().out
    assert "FAIL --body-model" in shown and "SMPL_NEUTRAL.npz" in shown and "fix: give a SMPL" in shown


def test_missing_gl_is_no_reason_not_to_refine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_gl() -> str:
        raise OSError("libEGL.so\nnot found")

    monkeypatch.setattr(checks, "_gl", no_gl)
    assert main(["doctor"]) == 0
    assert "OSError: libEGL.so not found\n     fix: apt-get install" in capsys.readouterr().out
