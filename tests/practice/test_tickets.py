"""Short-lived tickets: trigger ids, response URLs and socket URLs."""

from __future__ import annotations

import pytest

from practice.state.errors import SlackError
from practice.state.tickets import ResponseUrls, SocketTickets, Triggers


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_trigger_id_is_exchanged_once(clock: Clock) -> None:
    triggers = Triggers(clock)
    trigger_id = triggers.issue("U1", view_id="V1")

    assert triggers.exchange(trigger_id) == ("U1", "V1")
    with pytest.raises(SlackError, match="exchanged_trigger_id"):
        triggers.exchange(trigger_id)
    with pytest.raises(SlackError, match="invalid_trigger_id"):
        triggers.exchange("made.up")


@pytest.mark.parametrize(("seconds", "valid"), [(3.0, True), (3.1, False)])
def test_a_trigger_id_expires_after_three_seconds(
    clock: Clock, seconds: float, *, valid: bool
) -> None:
    triggers = Triggers(clock)
    trigger_id = triggers.issue("U1")
    clock.now += seconds

    if valid:
        assert triggers.exchange(trigger_id) == ("U1", None)
    else:
        with pytest.raises(SlackError, match="expired_trigger_id"):
            triggers.exchange(trigger_id)


def test_a_response_url_is_used_up_after_five_messages(clock: Clock) -> None:
    urls = ResponseUrls(clock)
    name = urls.issue(user="U1", channel="C1", message_ts="1.0")

    assert [urls.use(name).message_ts for _ in range(5)] == ["1.0"] * 5
    with pytest.raises(SlackError, match="used_url"):
        urls.use(name)


def test_a_socket_ticket_opens_one_socket_within_thirty_seconds(clock: Clock) -> None:
    tickets = SocketTickets(clock)
    first, second = tickets.issue(), tickets.issue()

    assert tickets.use(first)
    assert not tickets.use(first)
    clock.now += 30.1
    assert not tickets.use(second)
