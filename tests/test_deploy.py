"""The files for Fly.io and Cloud Run, held against the keys that their platforms know."""

import copy
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.credentials import NEEDED
from support.forwarders import forwarder_problems
from support.keys import problems
from support.processes import ENVIRON
from support.sids import account_sid

from broker.server.embedded import find_binary
from handler.cli.serve import KEEP_SECONDS
from handler.config import Settings
from handler.roles import Role

ROOT = Path(__file__).parent.parent
SERVERS = ROOT / "broker" / "server"

# https://fly.io/docs/reference/configuration/ : the type of each key; a list is of tables.
TEXT, NUMBER, FLAG, LIST = (str,), (int, float), (bool,), (list,)
SPAN = (str, int)
ANY_TEXT = {"*": TEXT}
HTTP_OPTIONS = {
    "idle_timeout": (int,),
    "compress": FLAG,
    "h2_backend": FLAG,
    "headers_read_timeout": (int,),
}
CONCURRENCY = {
    "type": ("connections", "requests"),
    "soft_limit": (int,),
    "hard_limit": (int,),
}
CHECK = {
    "interval": SPAN,
    "timeout": SPAN,
    "grace_period": SPAN,
    "method": TEXT,
    "path": TEXT,
    "protocol": TEXT,
    "headers": ANY_TEXT,
    "tls_skip_verify": FLAG,
    "tls_server_name": TEXT,
}
SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP")
FLY: dict[str, Any] = {
    "app": TEXT,
    "primary_region": TEXT,
    "kill_signal": SIGNALS,
    "kill_timeout": SPAN,
    "swap_size_mb": (int,),
    "console_command": TEXT,
    "build": {
        "image": TEXT,
        "dockerfile": TEXT,
        "ignorefile": TEXT,
        "build-target": TEXT,
        "args": ANY_TEXT,
    },
    "deploy": {
        "strategy": ("rolling", "immediate", "canary", "bluegreen"),
        "max_unavailable": NUMBER,
        "wait_timeout": SPAN,
        "release_command": TEXT,
    },
    "env": ANY_TEXT,
    "processes": ANY_TEXT,
    "files": [{"guest_path": TEXT, "local_path": TEXT, "secret_name": TEXT, "raw_value": TEXT}],
    "mounts": [{"source": TEXT, "destination": TEXT, "initial_size": TEXT, "processes": LIST}],
    "http_service": {
        "internal_port": (int,),
        "force_https": FLAG,
        "auto_stop_machines": ("off", "stop", "suspend"),
        "auto_start_machines": FLAG,
        "min_machines_running": (int,),
        "processes": LIST,
        "concurrency": CONCURRENCY,
        "http_options": HTTP_OPTIONS,
        "checks": [CHECK],
    },
    "checks": {"*": {**CHECK, "port": (int,), "type": ("http", "tcp")}},
    "restart": [
        {"policy": ("always", "never", "on-failure"), "retries": (int,), "processes": LIST}
    ],
    "metrics": [{"port": (int,), "path": TEXT, "https": FLAG, "processes": LIST}],
    "vm": [
        {"size": TEXT, "memory": SPAN, "cpus": (int,), "cpu_kind": TEXT, "processes": LIST},
    ],
}

# https://cloud.google.com/run/docs/reference/yaml/v1
PROBE = {
    "httpGet": {"path": TEXT, "port": (int,)},
    "periodSeconds": (int,),
    "failureThreshold": (int,),
    "timeoutSeconds": (int,),
    "initialDelaySeconds": (int,),
}
RUN = "run.googleapis.com/"
SCALE = "autoscaling.knative.dev/"
CLOUD_RUN: dict[str, Any] = {
    "apiVersion": ("serving.knative.dev/v1",),
    "kind": ("Service",),
    "metadata": {
        "name": TEXT,
        "annotations": {
            RUN + "ingress": ("all", "internal", "internal-and-cloud-load-balancing"),
            **dict.fromkeys(
                [RUN + name for name in ("minScale", "maxScale", "scalingMode", "launch-stage")],
                TEXT,
            ),
        },
    },
    "spec": {
        "template": {
            "metadata": {
                "annotations": {
                    SCALE + "minScale": TEXT,
                    SCALE + "maxScale": TEXT,
                    RUN + "cpu-throttling": ("true", "false"),
                    RUN + "startup-cpu-boost": ("true", "false"),
                    RUN + "sessionAffinity": ("true", "false"),
                    RUN + "execution-environment": ("gen1", "gen2"),
                    RUN + "network-interfaces": TEXT,
                    RUN + "vpc-access-connector": TEXT,
                    RUN + "vpc-access-egress": ("all-traffic", "private-ranges-only"),
                }
            },
            "spec": {
                "containerConcurrency": range(1, 1001),
                "timeoutSeconds": range(1, 3601),
                "serviceAccountName": TEXT,
                "containers": [
                    {
                        "image": TEXT,
                        "name": TEXT,
                        "command": LIST,
                        "args": LIST,
                        "ports": [{"name": ("http1",), "containerPort": (int,)}],
                        "env": [
                            {
                                "name": TEXT,
                                "value": TEXT,
                                "valueFrom": {"secretKeyRef": {"name": TEXT, "key": TEXT}},
                            }
                        ],
                        "resources": {"limits": ANY_TEXT},
                        "startupProbe": PROBE,
                        "livenessProbe": PROBE,
                    }
                ],
            },
        },
        "traffic": [{"percent": (int,), "latestRevision": FLAG}],
    },
}


def fly(name: str = "fly.toml") -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text())


# Of the service: both roles in one container, then each in its own.
FLY_FILES = ("fly.toml", "deploy/fly/media.toml", "deploy/fly/subscribers.toml")
CLOUD_RUN_FILES = ("cloudrun.yaml", "cloudrun/media.yaml", "cloudrun/subscribers.yaml")


def cloud_run(name: str = "cloudrun.yaml") -> dict[str, Any]:
    return yaml.safe_load((ROOT / "deploy" / name).read_text())


@pytest.mark.parametrize(
    "name",
    [
        *FLY_FILES,
        "deploy/fly/forward.toml",
        "deploy/nats/fly.toml",
        "deploy/scaling/fly-autoscaler.toml",
    ],
)
def test_fly_files_have_known_keys_of_the_right_types(name):
    assert problems(fly(name), FLY) == []


@pytest.mark.parametrize("name", CLOUD_RUN_FILES)
def test_the_cloud_run_files_have_known_keys_of_the_right_types(name):
    assert problems(cloud_run(name), CLOUD_RUN) == []


def plant(change: Callable[[dict], None], original: dict) -> dict:
    planted = copy.deepcopy(original)
    change(planted)
    return planted


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda f: f["http_service"].update(auto_stop_machines=False),
            ".http_service.auto_stop_machines: False",
        ),
        (lambda f: f.update(kill_signals="SIGTERM"), ".kill_signals: unknown key"),
        (
            lambda f: f["http_service"]["concurrency"].update(soft_limit="120"),
            ".http_service.concurrency.soft_limit: '120'",
        ),
    ],
)
def test_a_mistake_planted_in_fly_toml_is_found(change, found):
    assert problems(plant(change, fly()), FLY) == [found]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda c: c["spec"]["template"]["spec"].update(timeoutSeconds=4000),
            ".spec.template.spec.timeoutSeconds: 4000",
        ),
        (
            lambda c: c["spec"]["template"]["metadata"]["annotations"].update(
                {RUN + "cpu-throttling": False}
            ),
            f".spec.template.metadata.annotations.{RUN}cpu-throttling: False",
        ),
        (
            lambda c: c["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=60),
            ".spec.template.spec.terminationGracePeriodSeconds: unknown key",
        ),
    ],
)
def test_a_mistake_planted_in_the_cloud_run_file_is_found(change, found):
    assert problems(plant(change, cloud_run()), CLOUD_RUN) == [found]


# What a role needs and a file leaves to be filled in, as secrets or by hand.
FILLED = {
    "PUBLIC_URL": "https://calls.example.com",
    "TWILIO_ACCOUNT_SID": account_sid(1),
    "FORWARD_TO": "+15551230000",
}
NEEDED_BY = {
    "media": {name: value for name, value in NEEDED.items() if name != "TOKEN_SECRET"},
    "subscribers": {name: NEEDED[name] for name in ("PUBLIC_URL", "TOKEN_SECRET")},
}


@pytest.mark.parametrize("name", FLY_FILES)
def test_what_the_fly_files_set_is_what_the_service_reads_and_fits_together(name):
    app = fly(name)
    needed = NEEDED_BY.get(app["env"].get("ROLES", ""), NEEDED)
    settings = Settings.from_environ({**needed, **app["env"]})
    http = app["http_service"]
    assert settings.port == http["internal_port"]
    assert settings.metrics_port == app["metrics"][0]["port"]
    # Else a request is sent on a connection that is being closed.
    assert http.get("http_options", {}).get("idle_timeout", 0) < KEEP_SECONDS
    limits = http["concurrency"]
    assert limits["soft_limit"] < limits["hard_limit"]
    if Role.MEDIA in settings.roles:
        assert settings.max_calls < limits["soft_limit"]
        assert http["auto_stop_machines"] == "off"  # else a call may be stopped
    else:
        assert settings.max_subscribers <= limits["soft_limit"]
    assert settings.drain_seconds + 10 <= int(app["kill_timeout"].rstrip("s")) <= 300
    if settings.idle_exit_seconds:  # else it is started again at once
        assert app["restart"][0]["policy"] == "on-failure"


def test_what_the_forwarder_s_fly_file_sets_is_what_it_reads_and_nobody_comes_to_it():
    app = fly("deploy/fly/forward.toml")
    secrets = ["FORWARD_URL", "FORWARD_SECRET", "NATS_URL"]
    stops_in = int(app["kill_timeout"].rstrip("s"))
    command = app["processes"]["app"].split()
    assert list(forwarder_problems(command, app["env"], secrets, stops_in=stops_in)) == []
    assert not app.keys() & {"http_service", "services"}
    port = int(app["env"]["METRICS_PORT"])
    assert port == app["metrics"][0]["port"] == app["checks"]["alive"]["port"]
    assert app["checks"]["alive"]["path"] == "/metrics"


@pytest.mark.parametrize("name", CLOUD_RUN_FILES)
def test_what_the_cloud_run_files_set_is_what_the_service_reads_and_fits_together(name):
    spec = cloud_run(name)["spec"]["template"]["spec"]
    [container] = spec["containers"]
    secrets = {**NEEDED, "NATS_URL": "nats://handler:pw@127.0.0.1:4222"}
    given = {
        entry["name"]: entry.get("value", secrets.get(entry["name"])) for entry in container["env"]
    }
    assert "PUBLIC_URL" in given
    given |= {name: value for name, value in FILLED.items() if name in given}
    settings = Settings.from_environ(given)
    assert settings.port == container["ports"][0]["containerPort"]
    if Role.MEDIA in settings.roles:
        assert set(FILLED) <= set(given)
        assert settings.max_calls < spec["containerConcurrency"]
        assert settings.max_stream_seconds < spec["timeoutSeconds"]
    else:
        assert settings.max_subscribers < spec["containerConcurrency"]
    assert settings.drain_seconds < 10


@pytest.mark.parametrize("names", [FLY_FILES, CLOUD_RUN_FILES], ids=["fly", "cloud-run"])
def test_the_files_of_roles_apart_name_one_each(names):
    def roles(name: str) -> object:
        if name.endswith(".toml"):
            return fly(name)["env"].get("ROLES")
        [container] = cloud_run(name)["spec"]["template"]["spec"]["containers"]
        return {entry["name"]: entry.get("value") for entry in container["env"]}.get("ROLES")

    assert [roles(name) for name in names] == [None, "media", "subscribers"]


def test_the_image_is_pinned_small_and_without_rights():
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in text
    assert re.search(r"^USER [1-9]", text, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["', text, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert "!rehearsal" not in ignored


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize("name", compose())
def test_a_container_may_do_no_more_than_it_needs(name):
    service = compose()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert {"mem_limit", "pids_limit", "cpus"} < set(service)


def test_images_are_ours_or_of_one_version():
    """One that is only pulled by name could be anybody's, or another one tomorrow."""
    images = [fly("deploy/nats/fly.toml")["build"]["image"]]
    images += [each["image"] for each in compose().values() if "build" not in each]
    assert images
    for image in images:
        assert re.fullmatch(r"nats:\d+\.\d+\.\d+(-alpine)?(@sha256:[0-9a-f]{64})?", image), image


def test_nothing_reaches_nats_without_a_password_of_its_own():
    services = compose()
    given = services["nats"]["environment"]
    users = set(re.findall(r"password: \$(\w+)", (SERVERS / "users.conf").read_text()))
    assert set(given) == users
    assert all(value.startswith("'${NATS_") and ":?" in value for value in given.values())
    assert services["partyline"]["environment"]["NATS_URL"].startswith("nats://handler:${NATS_H")
    assert services["provision"]["environment"]["NATS_URL"].startswith("nats://admin:${NATS_A")
    mounted = {volume.partition(":")[0] for volume in services["nats"]["volumes"]}
    assert {"../broker/server/single.conf", "../broker/server/users.conf"} < mounted
    assert "ports" not in services["nats"]
    assert "NATS_URL" not in fly()["env"]  # a secret now
    env = cloud_run()["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [entry for entry in env if entry["name"] == "NATS_URL" and "value" in entry] == []


def test_what_says_whose_calls_come_and_what_becomes_of_them_is_handed_to_the_service():
    """Else it is set beside the service, and changes nothing: nobody rings, and nobody says so."""
    given = compose()["partyline"]["environment"]
    for name in (
        "CALL_OPTIONS",
        "FORWARD_TO",
        "NOTICE",
        "REQUIRE_TICKET",
        "TWILIO_ACCOUNTS",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_API_KEY",
    ):
        assert name in given


def test_a_file_that_fly_takes_along_exists():
    directory = ROOT / "deploy" / "nats"
    paths = [entry["local_path"] for entry in fly("deploy/nats/fly.toml")["files"]]
    assert [path for path in paths if not (directory / path).is_file()] == []


@pytest.mark.parametrize("name", ["single.conf", "cluster.conf"])
def test_nats_on_fly_is_set_up_as_elsewhere_but_for_where_it_listens(name):
    def settings(path: Path) -> list[str]:
        lines = [re.sub(r"\s*#.*", "", line) for line in path.read_text().splitlines()]
        return [re.sub(r"\[::\]|0\.0\.0\.0", "ANY", line) for line in lines if line]

    assert settings(ROOT / "deploy" / "nats" / name) == settings(SERVERS / name)


@pytest.mark.parametrize("name", ["single.conf", "cluster.conf"])
def test_nats_takes_its_configurations(name, tmp_path):
    shutil.copy(ROOT / "deploy" / "nats" / name, tmp_path)
    shutil.copy(SERVERS / "users.conf", tmp_path)
    users = ("ADMIN", "HANDLER", "TAP", "HISTORY", "FORWARD", "ROUTE")
    passwords = {f"{user}_PASSWORD": "pw" for user in users}
    checked = subprocess.run(
        [find_binary(), "-t", "-c", tmp_path / name],
        env={**ENVIRON, **passwords, "CLUSTER_ROUTE": "nats://route:pw@127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
