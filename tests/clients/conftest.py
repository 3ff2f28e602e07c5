"""The web client's package, and a bot with a crew that writes what is hard to lay out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.bot.conftest import bot_in
from tests.clients.web_package import WebPackage, install
from tests.support.browser import launched
from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess, free_port
from tests.support.workspace import Workspace

CREWS = """
crews:
  plan:
    description: A plan in two steps
    command: [python, plan.py]
    phases: [{name: draft}, {name: publish}]
    approvers: ["@channel"]
    checkpoints:
      - name: look
        after: draft
        description: Read the plan
        timeout: 2h
        on_timeout: stop
        form:
          - {name: budget, label: Budget in euros, type: number, min: 10, max: 900}
"""

# What continues is what was shown, so the last phase repeats it.
PLAN = '''
import json, sys
inputs = json.load(sys.stdin)
asked = inputs.get("feedback", "")
if inputs["phase"] == "draft":
    text = f"""# A plan for {inputs["message"]}

{"Now with: " + asked if asked else "The first draft."}
See [the brief](https://brief.example/2026) and ![pixel](https://tracker.example/p.png)
<img src=x onerror="document.title='broken'">

| Week | What happens | Who is responsible for it | What it costs at most |
|---|---|---|---|
| 1 | Invitations | The events team | 400 |

{"W" + "o" * 120 + "rd"}

```python
print("a line of code that is longer than a phone is wide, so it has to scroll by itself")
```
"""
else:
    text = f"## Published\\n\\nThe plan for **{inputs['message']}** is out."
result = {"status": "complete", "output": text, "task_outputs": []}
print(json.dumps({**result, "revised": bool(asked)}))
'''


@pytest.fixture(scope="session")
def web_package(request: pytest.FixtureRequest) -> WebPackage:
    """The installed package. Without npm, tests that use it are left out."""
    return install(request.config.cache.mkdir("web-client"))


@pytest.fixture(scope="session")
def built_package(web_package: WebPackage) -> WebPackage:
    """The package with its `dist`."""
    web_package.npm("run", "build")
    return web_package


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="package")
def workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture(scope="package")
def page_port() -> int:
    """The port of a page on another origin, which may call the API."""
    return free_port()


@pytest.fixture(scope="package")
def bot(
    workspace: Workspace,
    page_port: int,
    prefork_server: PreforkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BotProcess]:
    """A bot that posts the runs of pages in #campaigns, and lets pages of `page_port` in."""
    folder: Path = tmp_path_factory.mktemp("clients")
    (folder / "crews.yml").write_text(CREWS)
    (folder / "plan.py").write_text(PLAN)
    env = {
        **workspace.env(),
        "COUNTERSIGN_DEFAULT_CHANNEL": workspace.channel("campaigns").id,
        "COUNTERSIGN_CORS_ORIGINS": f"http://localhost:{page_port}",
    }
    with bot_in(folder, workers=1, prefork_server=prefork_server, **env) as bot:
        workspace.wait_until_connected()
        yield bot
