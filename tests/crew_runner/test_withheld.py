"""A crew's process can recognize the bot's secrets and cannot know them."""

from __future__ import annotations

import pytest

from crew_runner.child.messages import Job, from_worker, to_child
from crew_runner.child.records import CrewKind
from crew_runner.child.withheld import Withheld

SECRETS = ["xoxb-hunter2", "postgresql://u:hunter2@h/d", "pässword\udcff"]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_recognized_after_it_crossed_the_pipe_and_is_not_in_the_message(
    secret: str,
) -> None:
    raw = to_child(Job(CrewKind.CREW, withheld=Withheld.of(SECRETS, ["/bot/.env"])))
    received = from_worker(raw)

    assert b"hunter2" not in raw
    assert isinstance(received, Job)
    assert secret in received.withheld
    assert received.withheld.files == ("/bot/.env",)


@pytest.mark.parametrize("other", ["", "xoxb-hunter3", None, 7])
def test_other_values_are_not_withheld(other: object) -> None:
    assert other not in Withheld.of(["", *SECRETS])
    assert other not in Withheld()


def test_two_workers_never_send_the_same_digest() -> None:
    one, other = Withheld.of(SECRETS), Withheld.of(SECRETS)

    assert not {*one.digests} & {*other.digests}
