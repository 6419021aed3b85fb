"""Runs the `console` blocks of a page as people of a lab, and says where the page differs from what happens.

A line `alice$ veery …` is a command of Alice, run by a shell in her own directory and home; what follows up to the next
such line is what it prints, errors included. A command that ends in `&` goes on in the background, and its first line
is what it prints. A command that only looks is asked again for a while until it shows what the page says. On the page
everybody keeps one Account ID, in reality it is another at each run: both ways are translated. `VARIES` says what else
may differ; nothing else may.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.cli.harness import Home
from veery.protocol.fingerprint import fingerprint_of

BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT: Final = re.compile(r"^([a-z]+)\$ (.*)$")
FULL_ID: Final = re.compile(r"\b0[35][0-9a-f]{64}\b")
WORDS: Final = re.compile(r"^  ((?:[a-z]+ ){12}[a-z]+)$", re.MULTILINE)
HEX: Final = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{16}|[0-9a-f]{8})\b")
CODE: Final = re.compile(r"\b\d{4,6}(?:-[a-z]+){2}\b")
PORT: Final = re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}\b")
VARIES: Final = (
    (WORDS, "  WORDS"),
    (re.compile(r"\bPython [0-9.]+, \S+ \S+$", re.MULTILINE), "MACHINE"),
    (re.compile(r"\S+(?= \(this device\))"), "NAME"),
    (re.compile(r"(?<=\b[0-9a-f]{8}  )\S+(?= +command line)|(?<=\b[0-9a-f]{8} )\S+(?= asks to be linked)"), "NAME"),
    (re.compile(r"^\S+(?= \([0-9a-f]{8}\) is linked)", re.MULTILINE), "NAME"),
    (re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?"), "TIME"),
    (re.compile(r"\b(?:just now|\d+ (?:s|min) ago)\b"), "AGO"),
    (re.compile(r"\bin \d+ (?:days?|h|min|s)\b"), "IN"),
    (re.compile(r"\bfor \d+ (?:h|min|s) more\b"), "A WHILE"),
    (re.compile(r", of which [0-9.]+ \S+ are unused"), ""),
    (re.compile(r"\bstored on \d of \d\b"), "stored on K of N"),
    (re.compile(r"\[(?:v1|v2)\]"), "[LEVEL]"),
    (re.compile(r"(?:\b[0-9a-f]{4} ){3}[0-9a-f]{4}\b"), "FINGERPRINT"),
    (re.compile(r"(?<=\b0[35][0-9a-f]{4}…)[0-9a-f]{4}\b"), "END"),
    (re.compile(r"\b\d of \d answer|\b\d ready\b"), "SOME"),
    (re.compile(r"\b(?:ahead|behind); corrected for"), "off"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "RECORD"),
    (CODE, "CODE"),
    (HEX, "HEX"),
    (re.compile(r"\b[0-9.,]+ (?:MiB|KiB|bytes|ms|s)\b"), "AMOUNT"),
    (re.compile(r'("(?:hash|sent_at|received_at|seq|active_at|stored_on|swarm_size)": ?)("[^"]*"|\d+)'), r"\1VALUE"),
    (re.compile(r"\d+\.\d+\.\d+\.\d+(?::\d+)?"), "ADDRESS"),
    (re.compile(r"[^\x00-\u218f]+(?: +[^\x00-\u218f]+){3,}"), "EMOJI"),
    (re.compile(r"(?:[A-Z][A-Za-z ]+, ){6}[A-Z][A-Za-z ]+"), "EMOJI NAMES"),
    (re.compile(r"\bheight \d+"), "height H"),
    (re.compile(r" +"), " "),
)


# What only looks, and may be done again until it shows what other people's machines have just told.
LOOKS: Final = re.compile(
    r"veery (?:messages|conversations|requests|outbox|group (?:list|show)|device list|attachments list"
    r"|contact security)\b(?! (?:retry|drop|send-anyway|accept|decline|block))(?!.*--(?:mark-read|(?:no-)?require-v2))"
)
LOOK_S: Final = 20.0
LOOK_EVERY_S: Final = 0.5


def steady(text: str) -> str:
    """A text without what may differ."""
    for pattern, name in VARIES:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def pseudonym(name: str, prefix: str = "05") -> str:
    """The Account ID that somebody has on the page."""
    return prefix + hashlib.sha256(f"guide: {name}".encode()).hexdigest()


@dataclass(slots=True)
class Step:
    """A command of the page, and what the page says that it prints."""

    who: str
    command: str
    shown: str
    printed: str = ""

    @property
    def differs(self) -> bool:
        return steady(self.shown) != steady(self.printed)

    @property
    def text(self) -> str:
        """What the page should say: what it says, if that is right."""
        return f"{self.who}$ {self.command}\n" + (self.printed if self.differs else self.shown)


def steps(block: str) -> list[Step]:
    """The commands of a block."""
    found: list[Step] = []
    for line in block.splitlines(keepends=True):
        prompt = PROMPT.match(line.rstrip("\n"))
        if prompt:
            found.append(Step(prompt[1], prompt[2], ""))
        else:
            found[-1].shown += line
    return found


@dataclass(slots=True)
class Session:
    """The people of the page, on one network."""

    place: Path
    network: str
    files: dict[str, bytes]
    names: dict[str, str] = field(default_factory=dict)  # real ID -> ID on the page
    words: str = ""  # of the first account
    running: dict[str, list[subprocess.Popen[str]]] = field(default_factory=dict)  # what each has in the background

    def run(self, page: str) -> tuple[str, list[Step]]:
        """Run every block; gives the page as it should be, and the steps that differ."""
        wrong: list[Step] = []

        def block(found: re.Match[str]) -> str:
            done = steps(found[1])
            for step in done:
                self._take(step)
                if step.differs:
                    wrong.append(step)
            return "```console\n" + "".join(step.text for step in done) + "```"

        return BLOCK.sub(block, page), wrong

    def close(self) -> None:
        """End what runs."""
        for process in (each for mine in self.running.values() for each in mine):
            self._end(process)

    # -- parts -------------------------------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        command = self._real(step.command)
        if command.endswith("&"):
            self._note(step, self._background(step.who, command))
            return
        until = time.monotonic() + (LOOK_S if LOOKS.match(command) else 0)
        self._note(step, self._foreground(step.who, command))
        while step.differs and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
            self._note(step, self._foreground(step.who, command))

    def _note(self, step: Step, told: str) -> None:
        """Take over what a step has printed, and the ids in it."""
        found = WORDS.search(told)
        if found and not self.words:
            self.words = found[1]
        for each in FULL_ID.findall(told):
            number = len([1 for known in self.names.values() if known[:2] == each[:2]])
            self.names.setdefault(each, pseudonym(f"{step.who} {number}", each[:2]))
        step.printed = self._shown(told)
        if not step.differs:  # ids of devices, codes and ports stand at the same places of both
            for kind in (HEX, CODE, PORT):
                pairs = zip(kind.findall(step.printed), kind.findall(step.shown), strict=False)
                self.names.update((real, shown) for real, shown in pairs if real != shown and real not in self.names)
            step.printed = step.shown

    def _real(self, text: str) -> str:
        for real, shown in self.names.items():
            text = text.replace(shown, real)
        return text

    def _shown(self, text: str) -> str:
        for home in self.place.iterdir():
            text = text.replace(f"{home}/", "")
        for real, shown in self.names.items():
            text = text.replace(real, shown)
            if FULL_ID.fullmatch(real):
                text = text.replace(f"{real[:6]}…{real[-4:]}", f"{shown[:6]}…{shown[-4:]}")
                text = text.replace(f"{real[:6]}…", f"{shown[:6]}…")
                text = text.replace(fingerprint_of(real) or real, fingerprint_of(shown) or shown)
        return text

    def _foreground(self, who: str, command: str) -> str:
        if command == "kill %1":
            self._end(self.running[who].pop(0))
            return ""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._home(who),
            env=self._environment(who),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            timeout=90,
            check=False,
        )
        return done.stdout.decode()

    def _background(self, who: str, command: str) -> str:
        log = (self._home(who) / "log").open("a")
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command.removesuffix('&')}"],
            cwd=self._home(who),
            env=self._environment(who),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            text=True,
        )
        log.close()
        assert process.stdout is not None
        self.running.setdefault(who, []).append(process)
        return process.stdout.readline()

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)

    def _home(self, who: str) -> Path:
        home = self.place / who
        if not home.exists():
            home.mkdir()
            (home / "network.toml").write_text(self.network)
            (home / "passphrase").write_text("correct horse\n")
            (home / "passphrase").chmod(0o600)
            for name, data in self.files.items():
                (home / name).write_bytes(data)
        (home / "words.txt").write_text(self.words)
        return home

    def _environment(self, who: str) -> dict[str, str]:
        home = self._home(who)
        secret = str(home / "passphrase")
        mine = Home(home).environment({"COLUMNS": "100", "VEERY_PASSPHRASE_FILE": secret})
        mine["VEERY_BACKUP_PASSPHRASE_FILE"] = secret
        mine["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{mine['PATH']}"
        mine["PYTHONUNBUFFERED"] = "1"  # the two streams in the order of a terminal
        return mine
