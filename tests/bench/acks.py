"""How soon Slack gets its ack of a command and of a click while crews run."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from storage.records import PhaseRun
from storage.states import ExecutionState, PhaseRunState
from tests.bench.figures import Figure, Result, median, percentile, ratio, spread
from tests.bench.stage import Place, Stage, bot_on_stage, empty_app_on_stage, post_button
from tests.support.drafter import WatchedDrafter
from tests.support.workspace import MessageSnapshot, Mode

MODEL_SECONDS = 0.5
CREWS_THAT_RUN = 2
UNTIMED = 2


class Samples:
    """Seconds to the ack: of the bot, and of an empty app, measured alternately."""

    def __init__(self) -> None:
        self.bot: list[float] = []
        self.empty: list[float] = []

    def figures(self, name: str) -> list[Figure]:
        return [
            *spread(f"{name}, bot", self.bot),
            *spread(f"{name}, empty Bolt app", self.empty),
            ratio(f"{name}, bot to empty app", median(self.bot), median(self.empty)),
            ratio(
                f"{name}, bot to empty app, p99",
                percentile(self.bot, 99),
                percentile(self.empty, 99),
            ),
        ]


def measure(
    folder: Path, *, mode: Mode, samples: int = 40, crew: str = "crew", long: str = "long"
) -> Result:
    """The clicks decide executions of `crew`, while executions of `long` fill every slot."""
    with ExitStack() as stack:
        drafter = stack.enter_context(WatchedDrafter(delay=0.0))
        place = Path(stack.enter_context(TemporaryDirectory(dir=folder)))
        stage = stack.enter_context(
            bot_on_stage(
                place,
                crews={"program", crew, long},
                channels=UNTIMED + samples,
                workers=CREWS_THAT_RUN,
                mode=mode,
                env=_model(drafter),
            )
        )
        empty = stack.enter_context(empty_app_on_stage(place, channels=1, mode=mode))
        for channel in stage.place.channels:
            stage.place.command(f"/crew {crew} something to decide", channel=channel)
        messages = stage.place.all_waiting()
        drafter.delay = MODEL_SECONDS
        _fill_the_slots(stage, long)
        commands, clicks = _ask_in_turn(stage, messages, empty)
        still = _running(stage, long)
        assert len(still) == CREWS_THAT_RUN, f"only {len(still)} crews ran until the end"
    return Result(
        name=f"acks-{mode}",
        about=f"from delivery to ack, {CREWS_THAT_RUN} crews running, "
        + {"socket": "Socket Mode", "http": "signed HTTP"}[mode],
        samples=len(commands.bot) + len(clicks.bot),
        figures=(*commands.figures("/crew"), *clicks.figures("click")),
    )


def _model(drafter: WatchedDrafter) -> dict[str, str]:
    settings = drafter.settings()
    return {
        "OPENAI_API_KEY": settings.openai_api_key or "",
        "OPENAI_BASE_URL": settings.openai_base_url or "",
        "OPENAI_MODEL": settings.openai_model or "",
    }


def _fill_the_slots(stage: Stage, long: str) -> None:
    """Fill the bot's slots with crews that outlast the measurement."""
    for channel in stage.place.channels[:CREWS_THAT_RUN]:
        stage.place.command(f"/crew {long} something", channel=channel)
    stage.bot.until(
        lambda: len(_running(stage, long)) == CREWS_THAT_RUN, what="the crews run", within=60
    )


def _running(stage: Stage, crew: str) -> list[PhaseRun]:
    executions = stage.reads.executions(states=[ExecutionState.RUNNING], limit=1000)
    return [
        run
        for execution in executions
        if execution.crew == crew
        for run in stage.reads.phase_runs(execution.id)
        if run.state is PhaseRunState.RUNNING
    ]


def _ask_in_turn(
    stage: Stage, messages: list[MessageSnapshot], empty: Place
) -> tuple[Samples, Samples]:
    button = post_button(empty, empty.channels[0])
    commands, clicks = Samples(), Samples()
    for number, (message, channel) in enumerate(zip(messages, stage.place.channels, strict=True)):
        to_bot = stage.place.command("/crew program once more", channel=channel).seconds
        to_empty = empty.command("/crew program once more", channel=empty.channels[0]).seconds
        clicked = stage.place.click("Continue", message).seconds
        clicked_empty = empty.click("Continue", button).seconds
        if number >= UNTIMED:
            commands.bot.append(to_bot)
            commands.empty.append(to_empty)
            clicks.bot.append(clicked)
            clicks.empty.append(clicked_empty)
    return commands, clicks
