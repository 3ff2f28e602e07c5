"""What people write in Slack, as text for a crew: names in place of ids, and attached text."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from slack_sdk import WebClient

from bot.slack.inbound import mrkdwn
from bot.slack.inbound.written import Written
from bot.slack.people.directory import Directory, TtlCache, wait_for
from bot.slack.people.files import AttachedText, FileReader, ReadFile
from storage.ports import Clock

MOST_MENTIONS: Final = 30
"""Names of a message that are looked up; the others stay ids."""


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote, and the files that came with it."""

    text: str
    attached: AttachedText = field(default_factory=AttachedText)

    @property
    def with_files(self) -> str:
        """The words, followed by the text of the files that were read."""
        return "\n\n".join(part for part in (self.text, *map(_titled, self.attached.read)) if part)


def _titled(file: ReadFile) -> str:
    return f"{' '.join(file.name.split())}:\n\n{file.text.rstrip()}"


class WordReader:
    """Safe to share between threads. Asks Slack for at most `seconds`, and for files longer."""

    def __init__(
        self,
        client: WebClient,
        directory: Directory,
        *,
        clock: Clock,
        executor: ThreadPoolExecutor,
        seconds: float,
    ) -> None:
        self._client = client
        self._directory = directory
        self._seconds = seconds
        self._group_names: TtlCache[None, Mapping[str, str]] = TtlCache(
            self._load_group_names, clock=clock, executor=executor
        )
        self._files = FileReader(token=client.token or "", api_url=client.base_url)

    def read(self, written: Written, *, bot_user: str | None) -> Words:
        """The words with names in place of ids, and the text of attached files."""
        words = self.read_text(written.mrkdwn, bot_user=bot_user)
        if not written.files:
            return words
        return replace(words, attached=self._files.read_all(written.files))

    def read_text(self, text: str, *, bot_user: str | None) -> Words:
        """The words alone, with names in place of ids."""
        names = self._names(mrkdwn.mentioned(text, but=bot_user))
        return Words(mrkdwn.to_plain(text, without_user=bot_user, names=names))

    def _names(self, mentioned: mrkdwn.Mentioned) -> dict[str, str]:
        """The names of what is mentioned, as far as Slack tells them in time."""
        if not mentioned:
            return {}
        users = sorted(mentioned.users)[:MOST_MENTIONS]
        channels = sorted(mentioned.channels)[:MOST_MENTIONS]
        pending: list[Future[None]] = []
        profiles, places = self._directory.profiles, self._directory.channels
        pending += [profiles.fetch(user) for user in users if profiles.get(user) is None]
        pending += [places.fetch(each) for each in channels if places.get(each) is None]
        if mentioned.groups and self._group_names.get(None) is None:
            pending.append(self._group_names.fetch(None))
        wait_for(pending, self._seconds)
        people = {user: profile.name for user in users if (profile := profiles.get(user))}
        rooms = {each: place.name for each in channels if (place := places.get(each))}
        handles = (self._group_names.get(None) or {}) if mentioned.groups else {}
        groups = {each: handles[each] for each in mentioned.groups if each in handles}
        return {each: name for each, name in (people | rooms | groups).items() if name}

    def _load_group_names(self, _: None) -> Mapping[str, str]:
        answer = self._client.usergroups_list(include_disabled=True)
        return {
            str(group["id"]): str(group.get("handle") or group.get("name") or "")
            for group in answer["usergroups"]
        }
