"""How long failures are sat out, and what a server asks for."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evokd.agents.llm.retry import FIRST_WAIT, LONGEST_WAIT, RetryPolicy, read_retry_after


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def make(retries: int = 2, seconds: float = 600.0, answered: bool = True) -> tuple[RetryPolicy, Clock]:
    clock = Clock()
    policy = RetryPolicy(retries, seconds, clock)
    if answered:
        policy.answered()
        clock.now += 10
    return policy, clock


def test_a_request_over_which_the_server_fails_is_left_alone_when_others_were_answered_since_it_began() -> None:
    policy, clock = make(retries=2)
    since = clock.now
    clock.now += 1
    policy.answered()
    for tries in (1, 2):
        clock.now += 1
        assert isinstance(policy.judge(tries, since, clock.now - 1, None, blames_request=True), float)
    clock.now += 1
    assert isinstance(policy.judge(3, since, clock.now - 1, None), float), "a server that is down"
    assert policy.judge(3, since, clock.now - 1, None, blames_request=True) == "skip_call"


def test_the_waits_double_up_to_a_limit_and_are_never_the_same_for_all() -> None:
    for tries in range(1, 14):
        longest = min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
        waits = [make()[0].judge(tries, 1_010.0, 1_010.0, None) for _ in range(30)]
        assert all(longest / 2 <= float(wait) <= longest for wait in waits)
        assert len(set(waits)) > 20


def test_an_endpoint_that_never_answered_gets_the_repeats_and_no_more() -> None:
    policy, _ = make(retries=2, answered=False)
    assert isinstance(policy.judge(1, 1_000.0, 1_000.0, None), float)
    assert isinstance(policy.judge(2, 1_000.0, 1_000.0, None), float)
    assert policy.judge(3, 1_000.0, 1_000.0, None) == "abort_run"


def test_an_endpoint_that_has_answered_is_given_up_by_time_and_not_by_repeats() -> None:
    policy, clock = make(retries=0, seconds=600.0)
    since = clock.now
    assert isinstance(policy.judge(1, since, since, None), float)
    clock.now += 599.9
    wait = policy.judge(50, since, since, None)
    assert wait == pytest.approx(0.1), "not longer than what is left"
    clock.now += 0.1
    assert policy.judge(51, since, since, None) == "abort_run"


def test_a_call_that_fails_while_others_work_is_left_alone_after_its_repeats() -> None:
    policy, clock = make(retries=1)
    since = clock.now
    assert isinstance(policy.judge(1, since, since, None), float)
    clock.now += 1
    policy.answered()
    assert isinstance(policy.judge(1, since, since, None), float)
    assert policy.judge(2, since, since, None) == "skip_call"
    assert isinstance(policy.judge(2, clock.now, clock.now, None), float), "nothing was answered since that one began"


def test_an_answer_before_the_server_went_down_does_not_cost_the_calls_that_were_under_way() -> None:
    policy, clock = make(retries=1)
    since = clock.now
    clock.now += 1
    policy.answered()  # another call, the last one that is answered
    clock.now += 1
    assert isinstance(policy.judge(1, since, since, None), float)
    for tries in range(2, 20):
        last = clock.now
        clock.now += 20
        assert isinstance(policy.judge(tries, since, last, None), float)
    policy.answered()
    assert policy.judge(20, since, last, None) == "skip_call"


def test_an_answer_begins_the_time_of_failures_anew() -> None:
    policy, clock = make(retries=99, seconds=60.0)
    since = clock.now
    policy.judge(1, since, since, None)
    clock.now += 59
    policy.answered()
    clock.now += 59
    assert isinstance(policy.judge(2, since, since, None), float)
    clock.now += 60
    assert policy.judge(3, since, since, None) == "abort_run"


def test_failures_of_long_ago_are_not_held_against_a_call_that_has_just_begun() -> None:
    policy, clock = make(retries=0, seconds=60.0)
    policy.answered()
    clock.now += 1
    policy.judge(1, clock.now, clock.now, None)  # the last failure of a cycle; then the student is trained for an hour
    clock.now += 3_600
    began = clock.now
    assert isinstance(policy.judge(1, began, began, None), float)
    clock.now += 60
    assert policy.judge(2, began, began, None) == "abort_run"


@pytest.mark.parametrize(("asked", "verdict"), [(0.0, 0.0), (29.0, 29.0), (30.0, 30.0), (30.1, "abort_run")])
def test_what_the_server_asks_for_is_done_if_there_is_time_for_it(asked: float, verdict: Any) -> None:
    policy, clock = make(seconds=50.0)
    since = clock.now
    policy.judge(1, since, since, None)
    clock.now += 20
    assert policy.judge(2, since, since, asked) == verdict


# ------------------------------------------------------------------------------------------------------ Retry-After


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after-ms": "-5", "retry-after": "7"}, 7.0),
        ({"retry-after-ms": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 2030 00:00:00 +99999999999999"}, None),
    ],
)
def test_retry_after_is_read_or_passed_over(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_retry_after_may_be_a_date(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    tomorrow = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    found = read_retry_after({"retry-after": tomorrow.replace("GMT", zone)})
    monkeypatch.undo()
    time.tzset()
    assert found is not None
    assert 86_000 < found <= 86_400


HEADERS = st.fixed_dictionaries({"retry-after": st.text("0123456789.-+e:, MonJanGMT", max_size=40)})


@settings(max_examples=100, deadline=None)
@given(HEADERS)
def test_no_header_of_a_server_does_harm(headers: dict[str, str]) -> None:
    found = read_retry_after(headers)
    assert found is None or 0 <= found < float("inf")
