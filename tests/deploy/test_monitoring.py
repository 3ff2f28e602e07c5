"""The dashboard and the alert rules: they can be read, and every metric in them exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from promql_parser import parse

from bot.metrics.prometheus import PrometheusMeter
from storage.measurements import Measure, Measurement
from storage.monitoring_reads import MonitoringReads
from tests.support.processes import ROOT
from tests.support.schema import upgraded

FOLDER = ROOT / "docs" / "deploy" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
[GROUP] = yaml.safe_load((FOLDER / "prometheus-alerts.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
EXPRESSIONS = [
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
    *(rule["expr"] for rule in RULES),
]
LABELS = ("", "done", "decision", "prompt", "token_rejected")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> str:
    engine = upgraded(f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'c.db'}")
    meter = PrometheusMeter(MonitoringReads(engine).gauges, version="1", role="serve")
    meter.record([Measurement(m, 1, "" if m is Measure.MODEL_CALLS else "x") for m in Measure])
    text = meter.exposition().decode()
    engine.dispose()
    return text


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_expression_is_promql_about_metrics_that_exist(expression: str, samples: str) -> None:
    parse(expression.replace("$__rate_interval", "5m"))
    names = re.findall(r"countersign_\w+", expression)
    assert names
    assert [name for name in names if not re.search(rf"^{name}\b", samples, re.MULTILINE)] == []


def test_grafana_knows_every_key_of_the_dashboard() -> None:
    known = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))
    assert _unknown(DASHBOARD, known) == []


def _unknown(ours: Any, known: Any, path: str = "") -> list[str]:
    """The paths of keys that were lost when Grafana's own types read the dashboard."""
    match ours, known:
        case dict(), dict():
            return [
                unknown
                for key, value in ours.items()
                for unknown in (
                    _unknown(value, known[key], f"{path}.{key}") if key in known else [path + key]
                )
            ]
        case list(), list():
            assert len(ours) == len(known), path
            pairs = zip(ours, known, strict=True)
            return [u for i, pair in enumerate(pairs) for u in _unknown(*pair, f"{path}[{i}]")]
        case _:
            return [] if ours == known else [path]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_each_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Countersign[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description"}
    assert re.fullmatch(r"\d+[smhd]", rule.get("for", "0s"))


def test_the_documented_metrics_are_those_that_exist(samples: str) -> None:
    page = Path(ROOT / "docs" / "operations.md").read_text()
    documented = set(re.findall(r"`(countersign_\w+)`", page))
    existing = set(re.findall(r"^# TYPE (\w+)", samples, re.MULTILINE))
    assert documented == {name for name in existing if not name.endswith("_created")}
