"""Kubernetes' own client understands every field of the manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.deploy.files import DEPLOY, ROLES, assert_command, assert_settings, assert_time_to_end

TEXT = (DEPLOY / "kubernetes.yml").read_text()
Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as the client gets it from a server."""

    data: str


def as_the_client_reads_it(manifest: Manifest) -> Manifest:
    """Convert a manifest to the client's model of its kind and back, which drops unknown fields.

    Raises ValueError if a required field is missing or a value has the wrong type.
    """
    # Imported here, because it takes a second and every test process loads every test file.
    from kubernetes.client import ApiClient  # type: ignore[import-untyped]  # it has no types

    client = ApiClient()
    model = f"{manifest['apiVersion'].rpartition('/')[2].upper()}{manifest['kind']}"
    read: Manifest = client.sanitize_for_serialization(
        client.deserialize(Answer(json.dumps(manifest)), model)
    )
    return read


def manifests(text: str = TEXT) -> list[Manifest]:
    return list(yaml.safe_load_all(text))


def of_kind(kind: str) -> dict[str, Manifest]:
    matching = (one for one in manifests() if one["kind"] == kind)
    return {one["metadata"]["name"].removeprefix("countersign-"): one for one in matching}


@pytest.mark.parametrize("manifest", manifests(), ids=lambda one: one["kind"])
def test_the_client_reads_every_field(manifest: Manifest) -> None:
    assert as_the_client_reads_it(manifest) == manifest


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("terminationGracePeriodSeconds:", "terminationGraceSeconds:"),  # no such field
        ('value: "20"', "value: 20"),  # an environment holds strings
        ("replicas: 2", "replicas: two"),
        ("containerPort: 8001", "hostPort: 8001"),  # a field that must be there
        ("readOnlyRootFilesystem: true", 'readOnlyRootFilesystem: "yes"'),
        ("kind: PodDisruptionBudget", "kind: PodDisruption"),
    ],
)
def test_the_client_refuses_a_broken_manifest(right: str, wrong: str) -> None:
    assert right in TEXT

    def reads_all() -> bool:
        broken = manifests(TEXT.replace(right, wrong))
        return all(as_the_client_reads_it(one) == one for one in broken)

    try:
        assert not reads_all()
    except (ValueError, AttributeError):
        """It could not even be read."""


@pytest.mark.parametrize("role", ROLES)
def test_a_deployment_starts_its_role_and_everything_it_names_exists(role: str) -> None:
    deployment = of_kind("Deployment")[role]["spec"]
    pod = deployment["template"]["spec"]
    [container], [migrate] = pod["containers"], pod["initContainers"]

    assert container["args"] == ROLES[role]
    assert_command(container["args"])
    assert migrate["args"] == ["migrate"]
    own = {one["name"]: one["value"] for one in container["env"]}
    shared = of_kind("ConfigMap")["countersign"]["data"]
    assert_settings({**shared, **own})
    assert_time_to_end(own, killed_after=pod["terminationGracePeriodSeconds"])

    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert of_kind("PodDisruptionBudget")[role]["spec"]["selector"]["matchLabels"] == labels
    volumes = {one["name"] for one in pod["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} == volumes
    [port] = container["ports"]
    assert str(port["containerPort"]) == shared["COUNTERSIGN_HEALTH_PORT"]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert [one["port"] for one in probes] == [port["name"]] * 3
    assert [one["path"] for one in probes] == ["/health", "/health", "/ready"]
    for one in (container, migrate):
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert [next(iter(source.values()))["name"] for source in one["envFrom"]] == [
            "countersign",
            "countersign",
        ]
