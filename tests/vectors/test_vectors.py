"""Known-answer cases: every file of VEERY_VECTORS, whole."""

from __future__ import annotations

import tomllib

import pytest

from tests.vectors.harness import HERE, VectorCase, cases, topics

NOT_YET: dict[str, str] = tomllib.loads((HERE / "not_yet.toml").read_text(encoding="utf-8"))
CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.topic}/{case.name}")
def test_vector(case: VectorCase) -> None:
    if case.topic in NOT_YET:
        pytest.skip(f"not yet: {NOT_YET[case.topic]}")
    check = topics().get(case.topic)
    assert check is not None, (
        f"no check knows the topic {case.topic}; add one, or list it in not_yet.toml with a reason"
    )
    check(case.inputs, case.expected)


def test_not_yet_is_true() -> None:
    done = sorted(set(NOT_YET) & set(topics()))
    assert not done, f"these topics have a check and must leave not_yet.toml: {done}"
    assert all(reason.strip() for reason in NOT_YET.values())
