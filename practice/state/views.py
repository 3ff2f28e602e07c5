"""Opens, updates, stacks and closes modals, and publishes App Homes."""

from __future__ import annotations

from practice.state.changes import HomePublished, ViewClosed, ViewOpened, ViewUpdated
from practice.state.errors import SlackError
from practice.state.records import Json, View
from practice.state.workspace import Workspace

MAX_STACK = 3


class Views:
    """Each person's stack of open modals, newest last, and the published App Homes."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stacks: dict[str, list[View]] = {}

    def stack(self, user: str) -> list[View]:
        return list(self._stacks.get(user, []))

    def top(self, user: str) -> View | None:
        stack = self._stacks.get(user)
        return stack[-1] if stack else None

    def open(self, user: str, definition: Json) -> View:
        """Open a modal, closing any open ones, as Slack does."""
        for view in self._stacks.pop(user, []):
            self._forget(view)
        return self._add(user, definition, previous=None)

    def push(self, user: str, definition: Json) -> View:
        stack = self._stacks.get(user, [])
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= MAX_STACK:
            raise SlackError("push_limit_reached")
        return self._add(user, definition, previous=stack[-1])

    def update(self, view: View, definition: Json, *, hash_: str | None = None) -> View:
        if hash_ is not None and hash_ != view.hash:
            raise SlackError("hash_conflict")
        self._check_external_id_is_unused(definition, except_view=view)
        unchanged_blocks = {
            block.get("block_id")
            for block in definition.get("blocks", [])
            if block in view.definition.get("blocks", [])
        }
        view.definition = definition
        view.external_id = str(definition.get("external_id") or "")
        view.hash = self._hash()
        values = view.state["values"]
        view.state = {"values": {name: values[name] for name in values if name in unchanged_blocks}}
        self._workspace.emit(ViewUpdated(view))
        return view

    def publish(self, user: str, definition: Json, *, hash_: str | None = None) -> View:
        home = self._workspace.homes.get(user)
        if home is None:
            home = View(
                id=self._workspace.next_id("V"),
                kind="home",
                user=user,
                definition=definition,
                hash=self._hash(),
            )
            self._workspace.homes[user] = home
            self._workspace.views[home.id] = home
        else:
            if hash_ is not None and hash_ != home.hash:
                raise SlackError("hash_conflict")
            home.definition, home.hash = definition, self._hash()
        self._workspace.emit(HomePublished(home))
        return home

    def find(self, *, view_id: str | None, external_id: str | None) -> View:
        for view in self._workspace.views.values():
            if view.id == view_id or (external_id and view.external_id == external_id):
                return view
        raise SlackError("not_found")

    def close(self, view: View) -> None:
        """Close one modal; those below it stay open."""
        stack = self._stacks.get(view.user, [])
        if view in stack:
            stack.remove(view)
            self._forget(view)

    def close_all(self, user: str) -> list[View]:
        """Close all modals of a person and return them, newest first."""
        closed = list(reversed(self._stacks.pop(user, [])))
        for view in closed:
            self._forget(view)
        return closed

    def _add(self, user: str, definition: Json, *, previous: View | None) -> View:
        self._check_external_id_is_unused(definition, except_view=None)
        view = View(
            id=self._workspace.next_id("V"),
            kind=str(definition.get("type", "modal")),
            user=user,
            definition=definition,
            hash=self._hash(),
            previous_view_id=previous.id if previous else None,
            root_view_id=(previous.root_view_id or previous.id) if previous else "",
            external_id=str(definition.get("external_id") or ""),
        )
        self._stacks.setdefault(user, []).append(view)
        self._workspace.views[view.id] = view
        self._workspace.emit(ViewOpened(view))
        return view

    def _forget(self, view: View) -> None:
        self._workspace.views.pop(view.id, None)
        self._workspace.emit(ViewClosed(view))

    def _check_external_id_is_unused(self, definition: Json, *, except_view: View | None) -> None:
        external_id = definition.get("external_id")
        for view in self._workspace.views.values():
            if external_id and view is not except_view and view.external_id == external_id:
                raise SlackError("duplicate_external_id")

    def _hash(self) -> str:
        return f"{self._workspace.next_ts()}.{self._workspace.next_id('h')[-6:]}"
