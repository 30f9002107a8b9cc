"""deploy/ecs/: CloudFormation templates, held against their properties and what they start."""

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from starlette.applications import Starlette
from support.credentials import NEEDED
from support.forwarders import forwarder_problems
from support.sids import account_sid

from handler.cli.serve import server_config
from handler.config import Settings
from handler.server.lobby import Lobby

ROOT = Path(__file__).parent.parent
ECS = ROOT / "deploy" / "ecs"
# Properties of each type, as far as the template uses them.
# Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
KNOWN = {
    "AWS::ECS::Cluster": set(),
    "AWS::Logs::LogGroup": {"RetentionInDays"},
    "AWS::EC2::SecurityGroup": {"GroupDescription", "VpcId", "SecurityGroupIngress"},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        *("Type", "Subnets", "SecurityGroups", "LoadBalancerAttributes"),
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {
        *("VpcId", "TargetType", "Port", "Protocol", "HealthCheckPath", "TargetGroupAttributes"),
        *("HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount"),
        "UnhealthyThresholdCount",
    },
    "AWS::ElasticLoadBalancingV2::Listener": {
        *("LoadBalancerArn", "Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions"),
    },
    "AWS::IAM::Role": {"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies"},
    "AWS::ECS::TaskDefinition": {
        *("RequiresCompatibilities", "NetworkMode", "Cpu", "Memory", "ExecutionRoleArn"),
        *("TaskRoleArn", "ContainerDefinitions"),
    },
    "AWS::ECS::Service": {
        *("Cluster", "TaskDefinition", "LaunchType", "DesiredCount", "LoadBalancers"),
        *("HealthCheckGracePeriodSeconds", "DeploymentConfiguration", "NetworkConfiguration"),
    },
}
CONTAINER = {
    *(
        "Name",
        "Image",
        "Command",
        "Essential",
        "StopTimeout",
        "ReadonlyRootFilesystem",
        "User",
        "Ulimits",
    ),
    *("LinuxParameters", "PortMappings", "Environment", "Secrets", "HealthCheck"),
    "LogConfiguration",
}
# Of Fargate; and what a drain may take beyond DRAIN_SECONDS.
LONGEST_STOP, BEYOND_DRAIN = 120, 10


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: ``!Ref a`` is ``{"Ref": "a"}``."""


def _short(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    assert isinstance(node, yaml.ScalarNode)
    return {suffix: loader.construct_scalar(node)}


Loader.add_multi_constructor("!", _short)


def template(name: str = "partyline.yaml") -> dict[str, Any]:
    text = (ECS / name).read_text()
    loaded: dict[str, Any] = yaml.load(text, Loader)  # noqa: S506  a safe one
    return loaded


def references(value: object) -> Iterator[str]:
    """Yield what is referred to, wherever it stands."""
    match value:
        case {"Ref": name}:
            yield name
        case {"GetAtt": text}:
            yield text.partition(".")[0]
        case {"Sub": text}:
            yield from re.findall(r"\$\{([\w:]+)\}", text)
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def container_of(found: dict[str, Any]) -> dict[str, Any]:
    [container] = found["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    return container


def closes_first(balancer: dict[str, Any], settings: Settings) -> bool:
    """Whether the balancer closes what is not used before the service does, and no live socket."""
    attributes = {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}
    config = server_config(Starlette(), settings, Lobby())
    pings, idle = cast("float", config.ws_ping_interval), attributes["idle_timeout.timeout_seconds"]
    return pings < int(idle) < config.timeout_keep_alive


def problems_of_any(found: dict[str, Any]) -> Iterator[str]:
    """What CloudFormation or ECS would not take."""
    resources = found["Resources"]
    for name, resource in resources.items():
        known = KNOWN.get(resource["Type"])
        if known is None:
            yield f"{name}: unknown type"
            continue
        yield from (f"{name}: {key}" for key in resource.get("Properties", {}).keys() - known)
    there = found["Parameters"].keys() | resources.keys()
    for name in references({"all": [resources, found.get("Outputs")]}):
        if name not in there and not name.startswith("AWS::"):
            yield f"{name} is nowhere"
    yield from (f"container: {key}" for key in container_of(found).keys() - CONTAINER)
    if resources["Service"]["Properties"]["DeploymentConfiguration"]["MinimumHealthyPercent"] < 100:
        yield "a task leaves before there is another one"


def problems(found: dict[str, Any]) -> Iterator[str]:
    """What CloudFormation, ECS or the service would not take."""
    yield from problems_of_any(found)
    resources, container = found["Resources"], container_of(found)
    environ = {
        entry["Name"]: entry["Value"] if isinstance(entry["Value"], str) else ""
        for entry in container["Environment"]
    }
    secrets = {entry["Name"]: NEEDED.get(entry["Name"], "") for entry in container["Secrets"]}
    given = (
        environ
        | secrets
        | {
            "PUBLIC_URL": NEEDED["PUBLIC_URL"],
            "TWILIO_ACCOUNT_SID": account_sid(1),
        }
    )
    readme = (ROOT / "README.md").read_text()
    yield from (f"{name} is no setting" for name in given if f"| `{name}` |" not in readme)
    yield from (f"{name} is missing" for name in NEEDED.keys() - given.keys())
    settings = Settings.from_environ(NEEDED | given)
    if not settings.drain_seconds + BEYOND_DRAIN <= container["StopTimeout"] <= LONGEST_STOP:
        yield "stopped while it drains"
    yield from problems_of_the_balancer(resources, container, settings)
    actions = resources["TaskRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    if "ecs:UpdateTaskProtection" not in actions["Action"]:
        yield "a task that carries calls is not protected"


def problems_of_the_forwarder(found: dict[str, Any]) -> Iterator[str]:
    """What CloudFormation, ECS or the forwarder would not take."""
    yield from problems_of_any(found)
    container = container_of(found)
    environ = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    secrets = [entry["Name"] for entry in container["Secrets"]]
    yield from forwarder_problems(
        container.get("Command", []), environ, secrets, stops_in=container["StopTimeout"]
    )
    if f":{environ.get('METRICS_PORT')}/metrics" not in container["HealthCheck"]["Command"][-1]:
        yield "asks elsewhere whether it is alive"


def problems_of_the_balancer(
    resources: dict[str, Any], container: dict[str, Any], settings: Settings
) -> Iterator[str]:
    """Where what is before the service does not fit it."""
    targets = resources["Targets"]["Properties"]
    delay = int(targets["TargetGroupAttributes"][0]["Value"])
    if delay < container["StopTimeout"]:
        yield "cut while it drains"
    if not closes_first(resources["Balancer"]["Properties"], settings):
        yield "a connection ends under a request"
    ports = {container["PortMappings"][0]["ContainerPort"], targets["Port"]}
    if ports != {settings.port}:
        yield f"listens elsewhere than at {sorted(ports)}"
    if targets["HealthCheckPath"] != "/readyz":
        yield "a container that leaves is sent calls"
    if "/healthz" not in container["HealthCheck"]["Command"][-1]:
        yield "a restart for what is not stuck"


def test_the_templates_fit_their_platform_and_what_they_start():
    assert list(problems(template())) == []
    assert list(problems_of_the_forwarder(template("forward.yaml"))) == []


MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an unknown property": (
        lambda found: found["Resources"]["Service"]["Properties"].update(Desired=2),
        "Service: Desired",
    ),
    "an unknown key of the container": (
        lambda found: container_of(found).update(ReadOnly=True),
        "container: ReadOnly",
    ),
    "a name that is nowhere": (
        lambda found: found["Resources"]["Service"]["Properties"].update(Cluster={"Ref": "Clu"}),
        "Clu is nowhere",
    ),
    "a setting that there is not": (
        lambda found: container_of(found)["Environment"].append({"Name": "CALLS", "Value": "1"}),
        "CALLS is no setting",
    ),
    "a secret too few": (lambda found: container_of(found)["Secrets"].pop(0), "is missing"),
    "a stop within the drain": (
        lambda found: container_of(found).update(StopTimeout=60),
        "stopped while it drains",
    ),
    "a load balancer that cuts": (
        lambda found: found["Resources"]["Targets"]["Properties"]["TargetGroupAttributes"][
            0
        ].update(Value="10"),
        "cut while it drains",
    ),
    "connections kept for longer than the service keeps them": (
        lambda found: found["Resources"]["Balancer"]["Properties"]["LoadBalancerAttributes"][
            0
        ].update(Value="3600"),
        "a connection ends under a request",
    ),
    "another port": (
        lambda found: container_of(found)["PortMappings"][0].update(ContainerPort=80),
        "listens elsewhere",
    ),
    "no right to protect": (
        lambda found: found["Resources"]["TaskRole"]["Properties"]["Policies"][0]["PolicyDocument"][
            "Statement"
        ][0].update(Action=[]),
        "not protected",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_planted_in_the_template_is_found(kind):
    found = copy.deepcopy(template())
    plant, words = MISTAKES[kind]
    plant(found)
    assert [problem for problem in problems(found) if words in problem]


OF_THE_FORWARDER: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    kind: MISTAKES[kind]
    for kind in ("an unknown property", "an unknown key of the container", "a name that is nowhere")
} | {
    "a setting that there is not": (MISTAKES["a setting that there is not"][0], "CALLS is no"),
    "a secret too few": (lambda found: container_of(found)["Secrets"].pop(0), "missing"),
    "another command": (lambda found: container_of(found).pop("Command"), "is not the forwarder"),
    "a stop within a request": (
        lambda found: container_of(found).update(StopTimeout=10),
        "stopped while a request is under way",
    ),
    "another port": (
        lambda found: container_of(found)["Environment"][0].update(Value="9092"),
        "asks elsewhere",
    ),
}


@pytest.mark.parametrize("kind", OF_THE_FORWARDER)
def test_a_mistake_planted_in_the_forwarder_s_template_is_found(kind):
    found = copy.deepcopy(template("forward.yaml"))
    plant, words = OF_THE_FORWARDER[kind]
    plant(found)
    assert [problem for problem in problems_of_the_forwarder(found) if words in problem]
