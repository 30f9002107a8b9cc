"""deploy/kubernetes/: held against Kubernetes' schemas, the service's settings and each other."""

import copy
import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from support.credentials import CERTIFICATE, NEEDED
from support.forwarders import forwarder_problems
from support.proxies import installed

from handler.config import Settings
from handler.roles import Role

ROOT = Path(__file__).parent.parent
KUBERNETES = ROOT / "deploy" / "kubernetes"
WAYS = ("together", "apart", "forward", "nats")
VERSION = "1.32"
# What a drain may take beyond DRAIN_SECONDS, sockets that do not answer included.
BEYOND_DRAIN = 10
Object = dict[str, Any]

# Kinds of cert-manager, which Kubernetes has no schema of: the fields that are used here.
# Source: https://cert-manager.io/docs/reference/api-docs/
CERT_MANAGER = {
    "Issuer": {"selfSigned", "ca"},
    "Certificate": {
        *("commonName", "dnsNames", "duration", "isCA", "issuerRef", "privateKey", "renewBefore"),
        *("secretName", "usages"),
    },
}


def files(way: str) -> list[Object]:
    """Return what a kustomization brings, as its files have it; to be changed at will."""
    return copy.deepcopy(_files(way))


@cache
def _files(way: str) -> list[Object]:
    directory = KUBERNETES / way
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    texts = [(directory / name).read_text() for name in kustomization["resources"]]
    return [one for text in texts for one in yaml.safe_load_all(text)]


def applied(way: str) -> list[Object]:
    """Return what is there once a way was applied, with what it builds on."""
    return files(way) if way == "nats" else files("base") + files(way)


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [one for one in objects if one["kind"] in kinds]


def pods(objects: list[Object]) -> list[Object]:
    return [one["spec"]["template"] for one in of_kind(objects, "Deployment", "StatefulSet")]


def against_schema(objects: list[Object]) -> Iterator[str]:
    for one in objects:
        name = f"{one['kind']} {one['metadata']['name']}"
        if (known := CERT_MANAGER.get(one["kind"])) is not None:
            yield from (f"{name}: {key}" for key in one["spec"].keys() - known)
            continue
        if (fault := _fault(json.dumps(one))) is not None:
            yield f"{name}: {fault}"


@cache
def _fault(text: str) -> str | None:
    """Say what of an object is not as its schema has it; most are the same in all tests."""
    try:
        kubernetes_validate.validate(json.loads(text), VERSION, strict=True)
    except kubernetes_validate.ValidationError as exc:
        return str(exc.message)
    return None


def unconfined(objects: list[Object]) -> Iterator[str]:
    """What a pod may do beyond the restricted standard, and a root that can be written."""
    for pod in pods(objects):
        spec = pod["spec"]
        context = spec["securityContext"]
        if not context.get("runAsNonRoot") or not context.get("runAsUser"):
            yield "runs as root"
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield "any system call"
        if spec.get("automountServiceAccountToken") is not False:
            yield "a token of the cluster"
        for container in spec["containers"]:
            allowed = container["securityContext"]
            if allowed.get("allowPrivilegeEscalation") is not False:
                yield "more rights"
            if allowed.get("readOnlyRootFilesystem") is not True:
                yield "writes to its root"
            if allowed.get("capabilities") != {"drop": ["ALL"]}:
                yield "capabilities"
            if "memory" not in container["resources"]["limits"]:
                yield "any memory"


def apart(objects: list[Object]) -> Iterator[str]:
    """What one object says of another that is not so."""
    labels = [pod["metadata"]["labels"] for pod in pods(objects)]
    for one in of_kind(objects, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = one["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        wanted = selector.get("matchLabels", selector) if selector else {}
        if not any(wanted.items() <= each.items() for each in labels):
            yield f"{one['kind']} {one['metadata']['name']} selects no pod"
    for one in of_kind(objects, "Deployment", "StatefulSet"):
        selector = one["spec"]["selector"]["matchLabels"]
        if not selector.items() <= one["spec"]["template"]["metadata"]["labels"].items():
            yield f"{one['metadata']['name']} does not select its own pods"
    services = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "Service")}
    for ingress in of_kind(objects, "Ingress"):
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            backend = path["backend"]["service"]
            ports = services.get(backend["name"], {}).get("ports", [])
            if backend["port"]["name"] not in [port["name"] for port in ports]:
                yield f"{path['path']} leads nowhere"
    for policy in of_kind(objects, "NetworkPolicy"):
        open_ports = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        for pod in pods(objects):
            if (
                policy["spec"]["podSelector"]["matchLabels"].items()
                <= pod["metadata"]["labels"].items()
            ):
                ours = {
                    port["containerPort"]
                    for each in pod["spec"]["containers"]
                    for port in each["ports"]
                }
                yield from (f"nobody may come to port {port}" for port in ours - open_ports)


def unfit(objects: list[Object]) -> Iterator[str]:
    """What the service would not take, or its probes would not find."""
    [config] = of_kind(objects, "ConfigMap")
    for one in of_kind(objects, "Deployment"):
        spec = one["spec"]["template"]["spec"]
        [container] = spec["containers"]
        environ = {entry["name"]: entry.get("value", CERTIFICATE) for entry in container["env"]}
        if one["metadata"]["name"] == "partyline-forward":
            yield from unfit_forwarder(spec, container, environ)
            continue
        given = config["data"] | environ
        known = (ROOT / "README.md").read_text()
        yield from (f"{name} is no setting" for name in given if f"| `{name}` |" not in known)
        secrets = {
            entry["secretRef"]["name"] for entry in container["envFrom"] if "secretRef" in entry
        }
        settings = Settings.from_environ(
            NEEDED | given | {"PUBLIC_URL": "https://calls.example.com"}
        )
        needed = {f"partyline-{role.value}" for role in settings.roles}
        if secrets != needed:
            yield f"{one['metadata']['name']} has the secrets {sorted(secrets)}"
        if spec["terminationGracePeriodSeconds"] < settings.drain_seconds + BEYOND_DRAIN:
            yield "killed while it drains"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        if ports != {"http": settings.port, "metrics": settings.metrics_port}:
            yield f"listens elsewhere than at {ports}"
        paths = {
            name: container[f"{name}Probe"]["httpGet"]["path"]
            for name in ("startup", "readiness", "liveness")
        }
        if paths != {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}:
            yield f"probes {paths}"
        strategy = one["spec"]["strategy"]["rollingUpdate"]
        if Role.MEDIA in settings.roles and strategy != {"maxSurge": 1, "maxUnavailable": 0}:
            yield "a pod leaves before there is another one"


def unfit_forwarder(spec: Object, container: Object, environ: dict[str, str]) -> Iterator[str]:
    """What the forwarder would not take, or its probe would not find."""
    secrets = [entry["secretRef"]["name"] for entry in container["envFrom"]]
    if secrets != ["partyline-forward"]:
        yield f"has the secrets {secrets}"
    yield from forwarder_problems(
        container.get("args", []),
        environ,
        ["FORWARD_URL", "FORWARD_SECRET", "NATS_URL"],  # as docs/deploy.md makes it
        stops_in=spec["terminationGracePeriodSeconds"],
    )
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    if ports != {"metrics": environ.get("METRICS_PORT")}:
        yield f"listens elsewhere than at {ports}"
    if container["livenessProbe"]["httpGet"] != {"path": "/metrics", "port": "metrics"}:
        yield "asks elsewhere whether it is alive"


def problems(objects: list[Object]) -> list[str]:
    found = [*against_schema(objects), *unconfined(objects), *apart(objects)]
    return found + list(unfit(objects)) if of_kind(objects, "Deployment") else found


@pytest.mark.parametrize("way", WAYS)
def test_the_files_fit_kubernetes_the_service_and_each_other(way):
    objects = applied(way)
    assert len(objects) > 3
    assert problems(objects) == []


def deployment(objects: list[Object]) -> Object:
    return of_kind(objects, "Deployment", "StatefulSet")[0]


def container(objects: list[Object]) -> Object:
    found: Object = deployment(objects)["spec"]["template"]["spec"]["containers"][0]
    return found


MISTAKES: dict[str, tuple[Callable[[list[Object]], object], str]] = {
    "an unknown key": (
        lambda found: deployment(found)["spec"].update(replica=2),
        "'replica' was unexpected",
    ),
    "a number that is a text": (
        lambda found: deployment(found)["spec"].update(replicas="two"),
        "is not of type",
    ),
    "root": (
        lambda found: deployment(found)["spec"]["template"]["spec"]["securityContext"].pop(
            "runAsNonRoot"
        ),
        "runs as root",
    ),
    "a root that can be written": (
        lambda found: container(found)["securityContext"].update(readOnlyRootFilesystem=False),
        "writes to its root",
    ),
    "capabilities": (
        lambda found: container(found)["securityContext"].pop("capabilities"),
        "capabilities",
    ),
    "a service of nobody": (
        lambda found: of_kind(found, "Service")[0]["spec"]["selector"].update(a="b"),
        "selects no pod",
    ),
    "a budget of nobody": (
        lambda found: of_kind(found, "PodDisruptionBudget")[0]["spec"]["selector"][
            "matchLabels"
        ].update(a="b"),
        "selects no pod",
    ),
    "a port that nobody may come to": (
        lambda found: of_kind(found, "NetworkPolicy")[0]["spec"]["ingress"].pop(0),
        "nobody may come to port",
    ),
}
OF_THE_SERVICE: dict[str, tuple[Callable[[list[Object]], object], str]] = {
    "a path that leads nowhere": (
        lambda found: of_kind(found, "Ingress")[0]["spec"]["rules"][0]["http"]["paths"][0][
            "backend"
        ]["service"].update(name="other"),
        "leads nowhere",
    ),
    "a setting that there is not": (
        lambda found: of_kind(found, "ConfigMap")[0]["data"].update(MAX_CALL="1"),
        "MAX_CALL is no setting",
    ),
    "a grace shorter than the drain": (
        lambda found: deployment(found)["spec"]["template"]["spec"].update(
            terminationGracePeriodSeconds=30
        ),
        "killed while it drains",
    ),
    "a liveness probe that NATS fails": (
        lambda found: container(found)["livenessProbe"]["httpGet"].update(path="/readyz"),
        "probes",
    ),
    "another port": (
        lambda found: container(found)["ports"][0].update(containerPort=80),
        "listens elsewhere",
    ),
}
OF_THE_FORWARDER: dict[str, tuple[Callable[[list[Object]], object], str]] = {
    "a port of metrics that nobody may come to": (
        lambda found: of_kind(found, "NetworkPolicy")[0]["spec"]["ingress"].pop(1),
        "nobody may come to port",
    ),
    "a setting that the forwarder has not": (
        lambda found: container(found)["env"].append({"name": "FORWARD_TIME", "value": "1"}),
        "FORWARD_TIME is no setting",
    ),
    "another command": (lambda found: container(found).pop("args"), "is not the forwarder"),
    "a grace shorter than a request": (
        lambda found: deployment(found)["spec"]["template"]["spec"].update(
            terminationGracePeriodSeconds=10
        ),
        "stopped while a request is under way",
    ),
    "another port of metrics": (
        lambda found: container(found)["ports"][0].update(containerPort=80),
        "listens elsewhere",
    ),
    "another probe": (
        lambda found: container(found)["livenessProbe"]["httpGet"].update(path="/readyz"),
        "asks elsewhere",
    ),
    "the service's secrets": (
        lambda found: container(found)["envFrom"][0]["secretRef"].update(name="partyline-media"),
        "has the secrets",
    ),
}
# Nobody comes to a forwarder but for its metrics.
OF_WHAT_IS_CALLED = {"a service of nobody", "a port that nobody may come to"}
PLANTED = [
    *((way, kind) for way in ("together", "apart", "nats") for kind in MISTAKES),
    *((way, kind) for way in ("together", "apart") for kind in OF_THE_SERVICE),
    *(("forward", kind) for kind in MISTAKES if kind not in OF_WHAT_IS_CALLED),
    *(("forward", kind) for kind in OF_THE_FORWARDER),
]


@pytest.mark.parametrize(("way", "kind"), PLANTED)
def test_a_mistake_planted_in_a_file_is_found(way, kind):
    objects = applied(way)
    plant, found = (MISTAKES | OF_THE_SERVICE | OF_THE_FORWARDER)[kind]
    plant(objects)
    assert [problem for problem in problems(objects) if found in problem]


def test_a_field_that_cert_manager_does_not_know_is_found():
    objects = applied("nats")
    of_kind(objects, "Certificate")[0]["spec"]["dnsName"] = "nats"
    assert "Certificate nats-ca: dnsName" in problems(objects)


@pytest.mark.parametrize("way", ["base", *WAYS])
def test_kubectl_renders_it_with_all_that_is_in_the_files(way):
    rendered = subprocess.run(
        [installed("kubectl"), "kustomize", KUBERNETES / way],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    made = list(yaml.safe_load_all(rendered))
    names = {(one["kind"], one["metadata"]["name"]) for one in files(way)}
    others = {(one["kind"], one["metadata"]["name"]) for one in made} - names
    assert {kind for kind, _ in others} == ({"ConfigMap"} if way == "nats" else set())
    assert len(made) == len(names) + len(others)
    assert list(against_schema(made)) == []
    spaces = {one["metadata"].get("namespace") for one in made if one["kind"] != "Namespace"}
    assert spaces == {"partyline"}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for pod in pods(made):
        image = pod["spec"]["containers"][0]["image"]
        assert re.fullmatch(rf"REGISTRY/partyline:{version}|nats:\d+\.\d+\.\d+-alpine", image)
