"""deploy/scaling: how many containers there are to be, as each platform's scaler reads it."""

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.inside import inside
from support.keys import problems
from support.monitoring import (
    APPLICATION,
    Known,
    known_series,
    scaling_files,
    scaling_queries,
    scrape,
    unknown,
)
from support.scaling import Replicas, computed, desired, spec_of

from bench.processes import free_port

ROOT = Path(__file__).parents[1]
TEXT, NUMBER, TABLE = (str,), (int,), (dict,)
FRACTION = tuple(f"{tenths / 10:g}" for tenths in range(1, 10))

# https://github.com/superfly/fly-autoscaler, NewConfigFromEnv in cmd/fly-autoscaler/main.go (0.3.2)
FLY_AUTOSCALER = dict.fromkeys(
    [
        "FAS_APP_NAME",
        "FAS_ORG",
        "FAS_PROCESS_GROUP",
        "FAS_REGIONS",
        "FAS_CREATED_MACHINE_COUNT",
        "FAS_MIN_CREATED_MACHINE_COUNT",
        "FAS_MAX_CREATED_MACHINE_COUNT",
        "FAS_STARTED_MACHINE_COUNT",
        "FAS_MIN_STARTED_MACHINE_COUNT",
        "FAS_MAX_STARTED_MACHINE_COUNT",
        "FAS_INITIAL_MACHINE_STATE",
        "FAS_CONCURRENCY",
        "FAS_INTERVAL",
        "FAS_TIMEOUT",
        "FAS_APP_LIST_REFRESH_INTERVAL",
        "FAS_PROMETHEUS_ADDRESS",
        "FAS_PROMETHEUS_METRIC_NAME",
        "FAS_PROMETHEUS_QUERY",
    ],
    TEXT,
)

# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
RULES = {
    "stabilizationWindowSeconds": range(3601),
    "selectPolicy": ("Max", "Min", "Disabled"),
    "policies": [
        {"type": ("Pods", "Percent"), "value": range(1, 1001), "periodSeconds": range(1, 1801)}
    ],
}
BEHAVIOUR = {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": RULES, "scaleDown": RULES}}}
# https://keda.sh/docs/2.20/scalers/prometheus/ : what its metadata may say is text.
TRIGGER = {
    "type": ("prometheus",),
    "name": TEXT,
    "metricType": ("AverageValue",),
    "metadata": {
        "serverAddress": TEXT,
        "query": TEXT,
        "threshold": FRACTION,
        "activationThreshold": TEXT,
        "ignoreNullValues": ("true", "false"),
        "namespace": TEXT,
        "authModes": TEXT,
        "unsafeSsl": ("false",),
    },
    "authenticationRef": {"name": TEXT, "kind": TEXT},
}
# https://keda.sh/docs/2.20/reference/scaledobject-spec/
KEDA = {
    "apiVersion": ("keda.sh/v1alpha1",),
    "kind": ("ScaledObject",),
    "metadata": {"name": TEXT, "namespace": TEXT},
    "spec": {
        "scaleTargetRef": {"name": TEXT, "kind": ("Deployment", "StatefulSet"), "apiVersion": TEXT},
        "pollingInterval": range(1, 61),
        "cooldownPeriod": NUMBER,
        "initialCooldownPeriod": NUMBER,
        "minReplicaCount": range(1, 1001),
        "maxReplicaCount": range(1, 1001),
        "fallback": {
            "failureThreshold": NUMBER,
            "replicas": NUMBER,
            "behavior": ("static", "currentReplicas", "currentReplicasIfHigher"),
        },
        "advanced": BEHAVIOUR,
        "triggers": [TRIGGER],
    },
}
# https://github.com/GoogleCloudPlatform/cloud-run-external-metrics-autoscaling,
# metric-provider/api/README.md; it refuses a pollingInterval of one object.
CREMA = {
    "apiVersion": ("crema/v1",),
    "kind": ("CremaConfig",),
    "metadata": {"name": TEXT},
    "spec": {
        "pollingInterval": range(1, 61),
        "triggerAuthentications": [
            {
                "metadata": {"name": TEXT},
                "spec": {"podIdentity": {"provider": ("gcp",)}, "gcpSecretManager": TABLE},
            }
        ],
        "scaledObjects": [
            {
                "spec": {
                    "scaleTargetRef": {"name": TEXT},
                    "minReplicaCount": range(1, 1001),
                    "maxReplicaCount": range(1, 1001),
                    "advanced": BEHAVIOUR,
                    "triggers": [TRIGGER],
                }
            }
        ],
    },
}
HPA = ".spec.advanced.horizontalPodAutoscalerConfig"
# What each would scale to, by how many containers the calls would fill.
WANTED = [(0.0, 2), (1.0, 2), (1.41, 3), (3.5, 5), (7.0, 10), (100.0, 20)]


def files() -> dict[str, Any]:
    return copy.deepcopy(scaling_files())


def faults(given: dict[str, Any]) -> list[str]:
    """What in the files is not as its reader knows it; the rest of Fly's: tests/test_deploy.py."""
    return [
        *problems(given["fly-autoscaler.toml"]["env"], FLY_AUTOSCALER),
        *problems(given["keda.yaml"], KEDA),
        *problems(given["crema.yaml"], CREMA),
    ]


@pytest.fixture
async def known() -> Known:
    port = free_port()
    async with inside(ready=False, METRICS_PORT=str(port)):
        return known_series(await scrape(port))


def test_the_files_have_known_keys_of_the_right_types():
    assert faults(files()) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda f: f["fly-autoscaler.toml"]["env"].update(FAS_MACHINE_COUNT="3"),
            ".FAS_MACHINE_COUNT: unknown key",
        ),
        (
            lambda f: f["keda.yaml"]["spec"].update(cooldownPeriods=300),
            ".spec.cooldownPeriods: unknown key",
        ),
        (
            lambda f: f["keda.yaml"]["spec"]["triggers"][0]["metadata"].update(threshold=0.7),
            ".spec.triggers[0].metadata.threshold: 0.7",
        ),
        (
            lambda f: f["keda.yaml"]["spec"]["advanced"]["horizontalPodAutoscalerConfig"][
                "behavior"
            ]["scaleDown"].update(stabilizationWindowSeconds=7200),
            f"{HPA}.behavior.scaleDown.stabilizationWindowSeconds: 7200",
        ),
        (
            lambda f: spec_of(f, "crema.yaml").update(pollingInterval=15),
            ".spec.scaledObjects[0].spec.pollingInterval: unknown key",
        ),
    ],
)
def test_a_mistake_planted_in_a_file_is_found(
    change: Callable[[dict[str, Any]], None], found: str
) -> None:
    planted = files()
    change(planted)
    assert faults(planted) == [found]


async def test_each_asks_for_what_a_service_tells(known):
    asked = scaling_queries()
    assert set(asked) == set(files())
    assert [wrong for query in asked.values() for wrong in unknown(query, known)] == []
    for query in asked.values():
        renamed = query.replace("partyline_calls_capacity", "partyline_max_calls")
        assert unknown(renamed, known) == ["no metric partyline_max_calls"]


def test_all_ask_for_the_same_and_come_to_the_same_number():
    fly = files()["fly-autoscaler.toml"]["env"]
    asked = {query.replace(f'{{app="{APPLICATION}"}}', "") for query in scaling_queries().values()}
    assert asked == {"sum(partyline_calls) / max(partyline_calls_capacity)"}
    metric = fly["FAS_PROMETHEUS_METRIC_NAME"]
    for value, wanted in WANTED:
        for count in ("FAS_MIN_CREATED_MACHINE_COUNT", "FAS_MIN_STARTED_MACHINE_COUNT"):
            assert computed(fly[count], **{metric: value}) == wanted
        for name in ("keda.yaml", "crema.yaml"):
            assert desired(spec_of(files(), name), value) == wanted


def test_no_scaler_takes_away_what_carries_calls_but_rarely_and_one_by_one():
    """Fly's would take the machine whose name comes first: its bound is never reached."""
    fly = files()["fly-autoscaler.toml"]["env"]
    most = WANTED[-1][1]
    for count in ("FAS_MAX_CREATED_MACHINE_COUNT", "FAS_MAX_STARTED_MACHINE_COUNT"):
        assert computed(fly[count]) > 10 * most
    for name in ("keda.yaml", "crema.yaml"):
        config = spec_of(files(), name)["advanced"]["horizontalPodAutoscalerConfig"]
        down = config["behavior"]["scaleDown"]
        assert down["stabilizationWindowSeconds"] == 3600
        assert [policy["type"] for policy in down["policies"]] == ["Pods"]
        assert down["policies"][0]["value"] == 1


@pytest.mark.parametrize("name", ["keda.yaml", "crema.yaml"])
def test_a_busy_hour_is_followed_at_once_and_left_slowly(name):
    """What the busiest minute of the last hour needed is kept, and then one goes in ten minutes."""
    replicas = Replicas(spec_of(files(), name), 2)
    told = []
    for now in range(0, 10_000, 30):
        busy = 60 <= now < 600
        before = replicas.count
        if replicas.look(3.5 if busy else 0.2, now) != before:
            told.append((now, replicas.count))
    assert told == [(60, 4), (90, 5), (4170, 4), (4770, 3), (5370, 2)]


def test_what_is_near_enough_is_left_as_it_is():
    """Kubernetes's own tolerance: a tenth of what a replica is to have."""
    spec = spec_of(files(), "keda.yaml")
    assert Replicas(spec, 4).look(0.7 * 4 * 1.09, 0) == 4
    assert Replicas(spec, 4).look(0.7 * 4 * 1.11, 0) == 5


def test_they_name_what_the_other_files_name():
    given = files()
    fly = tomllib.loads((ROOT / "fly.toml").read_text())
    env = given["fly-autoscaler.toml"]["env"]
    assert env["FAS_APP_NAME"] == fly["app"] == APPLICATION
    assert env["FAS_PROCESS_GROUP"] in fly["http_service"]["processes"]
    cloud_run = yaml.safe_load((ROOT / "deploy" / "cloudrun.yaml").read_text())
    target = spec_of(given, "crema.yaml")["scaleTargetRef"]["name"]
    assert target.endswith(f"/services/{cloud_run['metadata']['name']}")
    names = {
        each["metadata"]["name"] for each in given["crema.yaml"]["spec"]["triggerAuthentications"]
    }
    assert {
        each["authenticationRef"]["name"] for each in spec_of(given, "crema.yaml")["triggers"]
    } <= names
