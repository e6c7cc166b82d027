import pytest

from evokd.agents.llm.compatibility import ALL
from evokd.cli.views.notices import Notices, is_adapted


@pytest.mark.parametrize("flag", [*sorted(ALL), "cut_off", "event_stream", "in_reasoning", "percent", "thoughts"])
def test_what_is_learned_of_a_server_is_told_once(flag: str) -> None:
    notices = Notices()
    assert len(notices.of_call({"flags": ["adapted", flag]})) == 1
    assert notices.of_call({"flags": [flag]}) == []


def test_other_flags_tell_nothing() -> None:
    assert Notices().of_call({"flags": ["fence", "repaired"]}) == []
    assert Notices().of_call({}) == []


def test_a_limit_that_is_too_small_says_which_settings_help() -> None:
    told = Notices().of_call({"flags": ["cut_off"]})[0]
    assert "teacher.max_tokens" in told
    assert "curriculum.quotas.lesson" in told


def test_a_try_that_is_made_again_otherwise_is_no_error() -> None:
    assert is_adapted({"flags": ["adapted"]})
    assert not is_adapted({"flags": ["no_seed"]})
