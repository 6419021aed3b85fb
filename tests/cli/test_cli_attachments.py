"""Files sent and saved by commands, over a lab of real nodes and its file server."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.people import Lab, Person

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("cli-lab")]


def test_files_go_from_one_to_the_other(lab: Lab, tmp_path: Path) -> None:
    ann, ben = Person(lab, "files-ann", "Ann"), Person(lab, "files-ben", "Ben")
    note = tmp_path / "note.txt"
    note.write_bytes(b"written down " * 1_000)
    photo = tmp_path / "IMG_1234.jpg"
    image = Image.new("RGB", (80, 50), "blue")
    exif = image.getexif()
    exif[0x010F] = "SECRET MAKER"
    image.save(photo, exif=exif)
    sent = ann.good("send", ben.id, "look", "--attach", str(note), "--attach", str(photo), "--json").record
    assert (sent["state"], sent["stored_on"]) == ("stored", 5)
    ben.good("receive", "--wait", "60")
    listed = ben.good("attachments", "list", ann.id, "--json").records
    assert [(each["name"], each["size"], each["state"]) for each in listed][1] == ("note.txt", 13_000, "remote")
    assert (listed[0]["name"], listed[0]["width"], listed[0]["height"]) == ("image.jpg", 80, 50)
    for each in listed:
        saved = ben.good("attachments", "save", str(each["id"]), "-o", str(tmp_path), "--json").record
        assert Path(saved["path"]).name.startswith(("note", "image"))
    assert (tmp_path / "note (2).txt").read_bytes() == note.read_bytes()
    assert b"SECRET" not in (tmp_path / "image.jpg").read_bytes()
    (picture,) = (each for each in ben.good("attachments", "list", ann.id, "--json").records if each["thumbnail"])
    small = ben.good("attachments", "save", str(picture["id"]), "--thumbnail", "-o", str(tmp_path), "--json").record
    with Image.open(small["path"]) as opened:
        assert (Path(small["path"]).name, opened.format, opened.size) == ("image-small.webp", "WEBP", (80, 50))
    kinds = {each["kind"] for each in ben.good("storage", "show", "--json").record["shares"]}
    assert {"image", "thumbnail"} <= kinds
    table = ben.good("attachments", "list").out
    assert "here" in table
    assert "note.txt" in table


def test_files_that_cannot_be_sent_are_named(lab: Lab, tmp_path: Path) -> None:
    ann = Person(lab, "files-eve", "Eve")
    (tmp_path / "x.svg").write_text("<svg/>")
    refused = ann.veery("send", ann.id, "--attach", str(tmp_path / "x.svg"), "--json")
    assert (refused.code, refused.error["kind"]) == (1, "client.attachment.picture")
    missing = ann.veery("send", ann.id, "--attach", str(tmp_path / "none"))
    assert missing.code == 1
    assert str(tmp_path / "none") in missing.err
    assert ann.veery("send", ann.id).code == 2
    assert ann.veery("attachments", "save", "99").code == 1
    assert ann.good("attachments", "list").err == "There are no files.\n"


def test_files_of_trusted_contacts_are_fetched_by_a_running_engine(lab: Lab, tmp_path: Path) -> None:
    ann, ben = Person(lab, "files-ana", "Ana"), Person(lab, "files-bea", "Bea")
    (tmp_path / "note.txt").write_text("a note")
    ann.good("send", ben.id, "hello")
    ben.good("receive", "--wait", "60")
    ben.good("requests", "accept", ann.id)
    trusted = ben.good("contact", "trust", ann.id, "--downloads", "on", "--json").record
    assert trusted["downloads"] is True
    assert "wait until you save" in ben.good("contact", "trust", ann.id, "--downloads", "off").err
    assert "as they come" in ben.good("contact", "trust", ann.id, "--downloads", "on").err
    ann.good("send", ben.id, "look", "--attach", str(tmp_path / "note.txt"))
    ben.good("receive", "--wait", "60")
    (listed,) = ben.good("attachments", "list", ann.id, "--json").records
    assert listed["state"] in ("wanted", "stored")


def test_limits_are_named_with_what_to_do(lab: Lab, tmp_path: Path) -> None:
    ann = Person(lab, "files-kim", "Kim")
    big, long = tmp_path / "big.bin", tmp_path / "long.wav"
    with big.open("wb") as file:
        file.truncate(20_000_000)
    refused = ann.veery("send", ann.id, "--attach", str(big))
    assert refused.code == 1
    for word in ("20,000,000", "10,000,000", "10,218,286", "in parts"):
        assert word in refused.err
    with wave.open(str(long), "wb") as made:
        made.setparams((1, 1, 1_000, 0, "NONE", ""))
        made.writeframes(bytes(301_000))
    refused = ann.veery("send", ann.id, "--attach", str(long), "--voice", "--json")
    assert refused.error["kind"] == "client.attachment.voice.too_long"
    assert ann.good("settings", "set", "large-files", "proxy", "--json").record["value"] == "proxy"
