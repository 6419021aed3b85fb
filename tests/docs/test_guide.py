"""The user guide: every command in it is run over a lab, and prints what the guide says.

`VEERY_GUIDE_WRITE=1 pytest -m slow tests/docs/test_guide.py` writes what is printed now into the guide.
"""

from __future__ import annotations

import difflib
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.harness import Home
from tests.cli.people import Lab
from tests.docs.guide_session import Session, Step, steady, steps

pytestmark = [pytest.mark.network, pytest.mark.timeout(400), pytest.mark.xdist_group("guide")]
GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
WRITE = "VEERY_GUIDE_WRITE"


def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (640, 480), "skyblue").save(file, "JPEG")
    return file.getvalue()


def difference(step: Step) -> str:
    shown, printed = steady(step.shown).splitlines(), steady(step.printed).splitlines()
    lines = difflib.unified_diff(shown, printed, "guide", "printed", lineterm="")
    return f"{step.who}$ {step.command}\n" + "\n".join(lines)


@pytest.mark.slow
def test_the_guide_shows_what_happens(tmp_path: Path) -> None:
    page = GUIDE.read_text()
    lab = Lab(Home(tmp_path / "lab"))
    people = tmp_path / "people"
    people.mkdir()
    session = Session(people, Path(lab.network_file).read_text(), {"photo.jpg": photo(), "plan.txt": b"North first.\n"})
    try:
        written, wrong = session.run(page)
    finally:
        session.close()
        lab.close()
    if os.environ.get(WRITE):
        GUIDE.write_text(written)
        return
    assert not wrong, "\n\n".join(map(difference, wrong))
    assert written == page


def test_what_may_differ_is_little() -> None:
    (step,) = steps("alice$ veery status\n#1  2026-01-02 03:04  you (stored on 5 of 7)\n    hello\n")
    step.printed = "#1  2027-11-12 13:14  you (stored on 3 of 5)\n    hello\n"
    differs_in_times = step.differs
    step.printed = step.printed.replace("hello", "good-bye")
    differs_in_words = step.differs
    assert (differs_in_times, differs_in_words) == (False, True)
    assert "good-bye" in step.text
    assert "+ good-bye" in difference(step)
