"""What a service tells Prometheus, and what queries ask of it: held against each other, and run."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.timing import LOOK, patience

from bench.processes import free_port

SCALING = Path(__file__).parents[2] / "deploy" / "scaling"
# The application's name, as Fly.io puts it to whatever it scrapes.
APPLICATION = "partyline"
# What Prometheus itself puts to whatever it scrapes, and what histograms have.
ADDED = frozenset({"job", "instance", "le", "app"})

Known = Mapping[str, list[dict[str, str]]]


async def scrape(port: int) -> str:
    """Return what a process tells on its port for metrics."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    return answer.text


def samples(text: str) -> dict[str, float]:
    """Return the value of each line, by its name and labels as they are written."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {series: float(value) for series, value in (line.rsplit(" ", 1) for line in lines)}


def known_series(text: str) -> Known:
    """Return the names of all series that are told, and the labels of each."""
    known: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        # A name without a kind yet has no line: refusals, before there was one.
        known.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, [])
        for sample in family.samples:
            known.setdefault(sample.name, []).append(dict(sample.labels))
    return known


_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"\b((?:partyline|fly)_\w+|up)\b(?:\{{((?:{_STRING}|[^{{}}\"])*)\}})?")
_MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_STRING})")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def unknown(
    query: str, known: Known, labels: Mapping[str, frozenset[str]] | None = None
) -> list[str]:
    """
    Return what a query asks for that nobody tells: names, labels of them, and values of labels.

    Args:
        query: In Prometheus's language.
        known: What is told.
        labels: Values of labels that may come, by label, though none has yet.
    """
    coming = {} if labels is None else labels
    found, told = [], set(ADDED)
    for name, matchers in _SELECTOR.findall(query):
        if name == "up":  # Prometheus's own
            continue
        if name not in known:
            found.append(f"no metric {name}")
            continue
        values: dict[str, set[str]] = {label: set(some) for label, some in coming.items()}
        for series in known[name]:
            for label, value in series.items():
                values.setdefault(label, set()).add(value)
        told |= values.keys()
        for label, operator, quoted in _MATCHER.findall(matchers):
            found += _wrong(name, label, operator, yaml.safe_load(quoted), values)
    for names in _GROUPING.findall(query):
        wanted = {label.strip() for label in names.split(",") if label.strip()}
        found += [f"no label {label} to group by" for label in sorted(wanted - told)]
    return found


def _wrong(
    name: str, label: str, operator: str, wanted: str, values: Mapping[str, set[str]]
) -> list[str]:
    if label in ADDED:
        return []
    if label not in values:
        return [f"{name} has no label {label}"]
    alternatives = wanted.split("|") if "~" in operator else [wanted]
    return [
        f"{name} has no {label} that is {each!r}"
        for each in alternatives
        if not any(
            re.fullmatch(each, value) if "~" in operator else each == value
            for value in values[label]
        )
    ]


def scaling_files() -> dict[str, Any]:
    """Return the files of deploy/scaling, by name."""
    return {
        path.name: tomllib.loads(path.read_text())
        if path.suffix == ".toml"
        else yaml.safe_load(path.read_text())
        for path in sorted(SCALING.iterdir())
    }


def scaling_queries() -> dict[str, str]:
    """Return what the files of deploy/scaling ask Prometheus, by file."""
    files = scaling_files()
    (crema,) = files["crema.yaml"]["spec"]["scaledObjects"]
    objects = {"keda.yaml": files["keda.yaml"]["spec"], "crema.yaml": crema["spec"]}
    queries = {
        name: trigger["metadata"]["query"]
        for name, spec in objects.items()
        for trigger in spec["triggers"]
    }
    fly = files["fly-autoscaler.toml"]["env"]["FAS_PROMETHEUS_QUERY"]
    return {**queries, "fly-autoscaler.toml": fly}


def installed(program: str) -> str:
    """Return a program of Debian's Prometheus, or skip the test: in CI it has to be there."""
    found = shutil.which(program)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not installed, and in CI it must be: see .ci/run")
    if found is None:
        pytest.skip(f"{program} is not installed: apt install --no-install-recommends prometheus")
    return found


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    async def get(self, path: str, **parameters: str) -> Any:
        """Ask its API; what it refuses is an error, in its words."""
        answer = await self._client.get(f"/api/v1/{path}", params=parameters)
        told = answer.json()
        assert told["status"] == "success", told["error"]
        return told["data"]

    async def query(self, query: str) -> list[dict[str, Any]]:
        """Return what a query finds now."""
        data = await self.get("query", query=query)
        assert data["resultType"] == "vector", data["resultType"]
        return list(data["result"])

    async def value(self, query: str) -> float:
        """Return what a query finds that finds one number."""
        (found,) = await self.query(query)
        return float(found["value"][1])

    async def ready(self) -> None:
        """Wait until it answers queries."""
        async with patience():
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await self._client.get("/-/ready")).status_code == 200:
                        return
                await asyncio.sleep(LOOK)

    async def until(self, query: str) -> None:
        """Wait until a query finds something."""
        async with patience():
            while not await self.query(query):  # noqa: ASYNC110  it tells of no change
                await asyncio.sleep(LOOK)

    async def close(self) -> None:
        await self._client.aclose()


@asynccontextmanager
async def prometheus(
    home: Path,
    *targets: int,
    up: int | None = None,
    rules: Mapping[str, Any] | None = None,
    scrape: float = 0.1,
) -> AsyncIterator[Prometheus]:
    """
    Run a Prometheus that scrapes these ports; returns it once it has.

    It does so each ``scrape`` seconds, and waits so long for an answer; rules are judged ten times
    a second. Of the ports ``up`` are open by then; None: all.
    """
    port = free_port()
    config: dict[str, Any] = {
        "global": {
            "scrape_interval": f"{round(1000 * scrape)}ms",
            "evaluation_interval": "100ms",
        },
        "scrape_configs": [
            {
                "job_name": "partyline",
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{each}" for each in targets],
                        "labels": {"app": APPLICATION},
                    }
                ],
            }
        ],
    }
    if rules is not None:
        (home / "rules.yaml").write_text(yaml.safe_dump(rules))
        config["rule_files"] = [str(home / "rules.yaml")]
    (home / "prometheus.yaml").write_text(yaml.safe_dump(config))
    with _running(installed("prometheus"), home, port):
        server = Prometheus(port)
        try:
            await server.ready()
            await server.until(f"count(partyline_calls) == {len(targets) if up is None else up}")
            yield server
        finally:
            await server.close()


@contextlib.contextmanager
def _running(program: str, home: Path, port: int) -> Iterator[None]:
    command = [
        program,
        f"--config.file={home / 'prometheus.yaml'}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        (home / "output").open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as running,
    ):
        try:
            yield
        finally:
            running.kill()  # its data is nobody's
