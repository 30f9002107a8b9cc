"""deploy/monitoring: the dashboard and the alerts, held against what a service tells, and run."""

import asyncio
import copy
import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from support.credentials import AUTH_TOKEN
from support.inside import inside
from support.log_events import refused_events
from support.monitoring import (
    Known,
    installed,
    known_series,
    prometheus,
    scaling_queries,
    scrape,
    unknown,
)

from bench.processes import free_port
from broker.server.embedded import EmbeddedServer
from handler.config import Settings
from handler.errors import EndCode
from handler.forward.counts import Counts
from handler.twilio.stream_errors import PROBLEMS
from rehearsal.audio import SAMPLE_RATE
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import HandshakeRefused, Refusal
from rehearsal.twilio import Options, place_call

ROOT = Path(__file__).parents[1]
MONITORING = ROOT / "deploy" / "monitoring"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
# What labels may say whose metrics have no line before something happened.
COMING = {
    "event": frozenset(refused_events()),
    "status": frozenset(map(str, [*range(400, 600), *range(1000, 1016), *EndCode])),
    "code": frozenset(map(str, PROBLEMS)),
}


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return loaded


def alerts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    return loaded


def rules(loaded: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in loaded["groups"] for rule in group["rules"]}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def filled(query: str) -> str:
    """Return a query of the dashboard as Grafana asks it, of all containers."""
    return query.replace("$__rate_interval", "1m").replace("$instance", ".*")


def queries(board: dict[str, Any]) -> list[str]:
    return [filled(target["expr"]) for panel in panels(board) for target in panel["targets"]]


def faults(asked: list[str], known: Known) -> list[str]:
    return [problem for query in asked for problem in unknown(query, known, COMING)]


@pytest.fixture
async def known() -> Known:
    port = free_port()
    async with inside(ready=False, METRICS_PORT=str(port)):
        service = known_series(await scrape(port))
    return {**service, **known_series(generate_latest(Counts()).decode())}


async def test_what_is_asked_for_is_told(known):
    assert faults(queries(dashboard()), known) == []
    assert faults([rule["expr"] for rule in rules(alerts()).values()], known) == []


async def test_what_is_told_is_on_the_dashboard(known):
    asked = " ".join(queries(dashboard()))
    names = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in known}
    missing = {name for name in names if not re.search(rf"\b{name}(_bucket)?\b", asked)}
    # What is set so, and what comes of it; and the most since the start, of what is shown as it is.
    assert missing == {
        "partyline_tickets_total",
        "partyline_tickets_required",
        "partyline_twilio_concurrent_requests_max",
    }


async def test_a_metric_that_a_document_names_is_told(known):
    text = " ".join(path.read_text() for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    histograms = {name.removesuffix("_bucket") for name in known}
    named = set(re.findall(r"\bpartyline_[a-z_]+", text)) - {"partyline_client"}  # a package
    assert named - set(known) - histograms == set()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('sum(partyline_calls{instance=~".*"}) by (instance)', []),
        ("sum(partyline_call)", ["no metric partyline_call"]),
        ("rate(partyline_calls_total[1m])", ["no metric partyline_calls_total"]),
        ("partyline_gaps_total{why='x'}", []),  # quotes that no file of ours has
        ('partyline_gaps_total{why="x"}', ["partyline_gaps_total has no label why"]),
        (
            'partyline_gaps_total{reason="media-lost"} / partyline_gaps_total{reason="lost"}',
            ["partyline_gaps_total has no reason that is 'lost'"],
        ),
        (
            'partyline_gaps_total{reason=~"media-.*|lost.*"}',
            ["partyline_gaps_total has no reason that is 'lost.*'"],
        ),
        ("sum by (reason, why) (partyline_gaps_total)", ["no label why to group by"]),
        ("sum by (le) (rate(partyline_move_seconds_bucket[1m])) / up", []),
        ('partyline_refusals_total{event="webhook refused",status="403"}', []),
        (
            'partyline_refusals_total{event="webhook refuse",status="403"}',
            ["partyline_refusals_total has no event that is 'webhook refuse'"],
        ),
    ],
)
async def test_a_wrong_name_in_a_query_is_found(known, query, found):
    assert unknown(query, known, COMING) == found


def plant(change: Callable[[dict[str, Any]], None], original: dict[str, Any]) -> dict[str, Any]:
    planted = copy.deepcopy(original)
    change(planted)
    return planted


async def test_a_mistake_planted_in_each_file_is_found(known):
    def rename_metric(board: dict[str, Any]) -> None:
        panels(board)[0]["targets"][0]["expr"] = "sum(partyline_live_calls)"

    def rename_label(loaded: dict[str, Any]) -> None:
        rule = rules(loaded)["PartylineCallsUnheard"]
        rule["expr"] = rule["expr"].replace("refused", "rejected")

    board = plant(rename_metric, dashboard())
    assert faults(queries(board), known) == ["no metric partyline_live_calls"]
    expressions = [rule["expr"] for rule in rules(plant(rename_label, alerts())).values()]
    assert faults(expressions, known) == ["partyline_recognisers has no state that is 'rejected'"]


def test_the_panels_of_the_dashboard_have_a_place_a_name_and_a_meaning():
    board = dashboard()
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = set(
            itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"]))
        )
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels(board):
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def section(title: str) -> str:
    """Return a section of docs/operations.md."""
    (text,) = re.findall(rf"^## {title}$(.*?)(?=^## |\Z)", OPERATIONS, re.MULTILINE | re.DOTALL)
    return str(text)


def test_each_alert_asks_for_something_that_is_written_down():
    told = re.findall(
        r"^\| `(Partyline\w+)` \| ([^|]+) \|$", section("When an alert fires"), re.MULTILINE
    )
    assert [name for name, _ in told] == list(rules(alerts()))
    for rule in rules(alerts()).values():
        assert rule["annotations"]["runbook"] == "docs/operations.md#when-an-alert-fires"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


# A busy hour in which nothing is wrong, minute by minute; containers a and b.
def _healthy(instance: str) -> dict[str, str]:
    at = f'instance="{instance}"'
    return {
        f"partyline_calls{{{at}}}": "30+0x90",
        f"partyline_calls_capacity{{{at}}}": "60+0x90",
        f"partyline_nats_connected{{{at}}}": "1+0x90",
        f"partyline_nats_lost_total{{{at}}}": "1+0x90",
        f"partyline_outbox_age_seconds{{{at}}}": "0 1 0 0 0.2 0 3 0+0x90",
        f"partyline_outbox_dropped_total{{{at}}}": "0+0x90",
        f"partyline_deepgram_accepts{{{at}}}": "0 1+0x90",  # a container that has just begun
        f'partyline_recognisers{{{at},state="connected"}}': "30+0x90",
        f'partyline_recognisers{{{at},state="reconnecting"}}': "0 0 1 0+0x90",
        f'partyline_recognisers{{{at},state="refused"}}': "0+0x90",
        f"partyline_recogniser_lag_seconds{{{at}}}": "4+0x90",
        # A tenth of a second a minute of 30 calls; and a call that somebody paused.
        f'partyline_gap_seconds_total{{{at},reason="late-audio"}}': "0+0.1x90",
        f'partyline_gap_seconds_total{{{at},reason="paused"}}': "0+60x90",
        f'partyline_gap_seconds_total{{{at},reason="media-lost"}}': "0+0x30 2+0x60",
        # Strangers, a reader without a token, a full container's streams that went elsewhere.
        f'partyline_refusals_total{{{at},event="request refused",status="404"}}': "0+9x90",
        f'partyline_refusals_total{{{at},event="subscriber refused",status="401"}}': "0+9x90",
        f'partyline_refusals_total{{{at},event="media stream refused",status="503"}}': "0+3x90",
        f"partyline_streams_not_restarted_total{{{at}}}": "0+0x20 1+0x70",
        f'partyline_moves_failed_total{{{at},why="over"}}': "0+1x90",
        f'partyline_moves_failed_total{{{at},why="nobody"}}': "0+0x90",
        f"partyline_calls_ended_for_owner_total{{{at}}}": "0+0x90",
        f"partyline_loop_stalls_total{{{at}}}": "0+0x30 1+0x60",
        f"partyline_accept_pauses_total{{{at}}}": "0+0x90",
        f"partyline_task_protection_failed_total{{{at}}}": "0+0x30 1+0x60",
        **_histogram("loop_delay", at, {"0.01": 590, "0.1": 600}, 600),
        **_histogram("speech_to_published", at, {"1": 80, "3": 99}, 100),
        **_histogram("published_to_delivered", at, {"0.05": 100}, 100),
        f"partyline_subscribers_too_slow_total{{{at}}}": "0+0x40 3+0x50",
        f"partyline_twilio_failed_total{{{at}}}": "0+0x50 1+0x40",
        f"partyline_twilio_throttled_total{{{at}}}": "0+0x50 2+0x40",
        f'partyline_twilio_stream_errors_total{{{at},code="31924"}}': "_x40 1+0x50",
        f"partyline_calls_one_sided_total{{{at}}}": "0+0x60 1+0x30",
        f"partyline_recogniser_messages_unreadable_total{{{at}}}": "0+0x90",
        # A receiver that was restarted, and one call's that it does not take.
        f"partyline_forward_sent_total{{{at}}}": "0+50x90",
        f"partyline_forward_failed_total{{{at}}}": "0+0x30 20+1x60",
        f'partyline_forward_given_up_total{{{at},reason="expired"}}': "0+0x90",
        f'partyline_log_lines_total{{{at},level="warning"}}': "0+5x90",
        f'partyline_log_lines_total{{{at},level="error"}}': "1+0x90",
    }


def _histogram(name: str, at: str, buckets: dict[str, int], count: int) -> dict[str, str]:
    """Return the series of a histogram to which so many are added each minute."""
    series = f"partyline_{name}_seconds_bucket"
    return {
        f'{series}{{{at},le="{le}"}}': f"0+{added}x90"
        for le, added in {**buckets, "+Inf": count}.items()
    }


A = 'instance="a"'
SENT = f"partyline_forward_sent_total{{{A}}}"
# And one of readers alone, which has no calls and does not ask Deepgram.
READERS = {
    'partyline_calls{instance="readers"}': "0+0x90",
    'partyline_calls_capacity{instance="readers"}': "0+0x90",
    'partyline_deepgram_accepts{instance="readers"}': "0+0x90",
    'partyline_nats_connected{instance="readers"}': "1+0x90",
}
QUIET = _healthy("a") | _healthy("b") | READERS
# What is wrong in container a, and by which labels the alert names it.
FAULT: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "PartylineAbsent": (dict.fromkeys(QUIET, "_x90"), {}),
    "PartylineNatsAway": ({f"partyline_nats_connected{{{A}}}": "0+0x90"}, {"instance": "a"}),
    "PartylineNatsUnsteady": ({f"partyline_nats_lost_total{{{A}}}": "0+1x90"}, {"instance": "a"}),
    "PartylineRecordsWait": (
        {f"partyline_outbox_age_seconds{{{A}}}": "0+60x90"},
        {"instance": "a"},
    ),
    "PartylineRecordsDropped": (
        {f"partyline_outbox_dropped_total{{{A}}}": "0+0x27 600+0x63"},
        {"instance": "a"},
    ),
    "PartylineDeepgramAway": ({f"partyline_deepgram_accepts{{{A}}}": "0+0x90"}, {"instance": "a"}),
    "PartylineCallsUnheard": (
        {f'partyline_recognisers{{{A},state="refused"}}': "1+0x90"},
        {"instance": "a", "state": "refused"},
    ),
    "PartylineTranscriptsLag": (
        {f"partyline_recogniser_lag_seconds{{{A}}}": "50+0x90"},
        {"instance": "a"},
    ),
    "PartylineSpeechLost": (
        {f'partyline_gap_seconds_total{{{A},reason="recogniser-unreachable"}}': "0+60x90"},
        {},
    ),
    "PartylineFull": (
        {f'partyline_calls{{instance="{one}"}}': "57+0x90" for one in "ab"},
        {},
    ),
    "PartylineTwilioRefused": (
        {  # there was none before
            f"partyline_refusals_total{{{A},"
            'event="media stream refused: wrong X-Twilio-Signature",status="403"}': "_x28 9+0x62"
        },
        {"event": "media stream refused: wrong X-Twilio-Signature", "status": "403"},
    ),
    "PartylineStreamsNotRestarted": (
        {f"partyline_streams_not_restarted_total{{{A}}}": "0+1x90"},
        {"instance": "a"},
    ),
    "PartylineCallsStay": (
        {f'partyline_moves_failed_total{{{A},why="nobody"}}': "0+1x90"},
        {"why": "nobody"},
    ),
    "PartylineOwnersLost": (
        {f"partyline_calls_ended_for_owner_total{{{A}}}": "0+0x27 4+0x63"},
        {"instance": "a"},
    ),
    "PartylineLoopLate": (
        _histogram("loop_delay", A, {"0.01": 500, "0.1": 580, "0.5": 600}, 600),
        {"instance": "a"},
    ),
    "PartylineLoopStalls": (
        {f"partyline_loop_stalls_total{{{A}}}": "0+1x90"},
        {"instance": "a"},
    ),
    "PartylineNoFiles": (
        {f"partyline_accept_pauses_total{{{A}}}": "0+0x27 1+0x63"},
        {"instance": "a"},
    ),
    "PartylineTaskUnprotected": (
        {f"partyline_task_protection_failed_total{{{A}}}": "0+1x90"},
        {"instance": "a"},
    ),
    "PartylineWordsLate": (
        {
            series: value
            for one in "ab"
            for series, value in _histogram(
                "speech_to_published", f'instance="{one}"', {"1": 50, "3": 60, "10": 99}, 100
            ).items()
        },
        {},
    ),
    "PartylineDeliveriesLate": (
        _histogram("published_to_delivered", A, {"0.05": 80, "2": 99}, 100),
        {"instance": "a"},
    ),
    "PartylineReadersCutOff": (
        {f"partyline_subscribers_too_slow_total{{{A}}}": "0+1x90"},
        {"instance": "a"},
    ),
    "PartylineReadersRefused": (
        {
            f'partyline_refusals_total{{{A},event="subscriber refused",status="503"}}': (
                "_x29 40+0x61"
            )
        },
        {"status": "503"},
    ),
    "PartylineTwilioApiFails": (
        {f"partyline_twilio_failed_total{{{A}}}": "0+1x90"},
        {"instance": "a"},
    ),
    "PartylineTwilioThrottles": (
        {f"partyline_twilio_throttled_total{{{A}}}": "0+1x90"},
        {"instance": "a"},
    ),
    "PartylineStreamErrors": (
        {f'partyline_twilio_stream_errors_total{{{A},code="31920"}}': "_x28 5+0x62"},
        {"code": "31920"},
    ),
    "PartylineOneSided": (
        {f"partyline_calls_one_sided_total{{{A}}}": "0+1x90"},
        {"instance": "a"},
    ),
    "PartylineDeepgramUnreadable": (
        {f"partyline_recogniser_messages_unreadable_total{{{A}}}": "0+0x27 1+0x63"},
        {"instance": "a"},
    ),
    "PartylineNotForwarded": (
        {f"partyline_forward_failed_total{{{A}}}": "0+9x90", SENT: "7+0x90"},
        {"instance": "a"},
    ),
    "PartylineForwardGivenUp": (
        {f'partyline_forward_given_up_total{{{A},reason="expired"}}': "0+0x27 4+0x63"},
        {"reason": "expired"},
    ),
    "PartylineErrors": (
        {f'partyline_log_lines_total{{{A},level="error"}}': "1+0x27 2+0x63"},
        {"instance": "a"},
    ),
}


def cases(loaded: dict[str, Any], faults: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield promtool's tests: a quiet hour, and each fault half an hour on, alone."""
    known = rules(loaded)
    quiet = [
        {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": []}
        for name in known
        for minute in range(0, 61, 15)
    ]
    yield {"name": "quiet", **_case(QUIET, quiet)}
    for fault in faults:
        series, labels = FAULT[fault]
        rule = known[fault]
        fires = {
            "exp_labels": labels | rule["labels"],
            "exp_annotations": rule["annotations"],
        }
        checks = [
            {"eval_time": "30m", "alertname": name, "exp_alerts": [fires] if name == fault else []}
            for name in known
        ]
        yield {"name": fault, **_case(QUIET | series, checks)}


def _case(series: dict[str, str], checks: list[dict[str, Any]]) -> dict[str, Any]:
    listed = [{"series": name, "values": values} for name, values in series.items()]
    return {"interval": "1m", "input_series": listed, "alert_rule_test": checks}


def promtool(
    loaded: dict[str, Any], home: Path, faults: Iterable[str]
) -> subprocess.CompletedProcess[str]:
    """Let Prometheus's own tool run the rules over a quiet hour, and over faults."""
    (home / "rules.yaml").write_text(yaml.safe_dump(loaded))
    tests = {"rule_files": ["rules.yaml"], "tests": list(cases(loaded, faults))}
    (home / "tests.yaml").write_text(yaml.safe_dump(tests))
    return subprocess.run(
        [installed("promtool"), "test", "rules", home / "tests.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_alert_fires_in_its_fault_alone_and_none_in_a_quiet_hour(tmp_path):
    assert list(FAULT) == list(rules(alerts()))
    told = promtool(alerts(), tmp_path, FAULT)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    ("alert", "expression", "found"),
    [
        ("PartylineFull", "sum(partyline_calls) / sum(partyline_capacity) > 0.9", "got:[]"),
        ("PartylineFull", "sum(partyline_calls) / sum(partyline_calls_capacity) > 0.4", "exp:[]"),
    ],
)
def test_an_alert_that_is_deaf_or_cries_wolf_is_found(tmp_path, alert, expression, found):
    def change(loaded: dict[str, Any]) -> None:
        rules(loaded)[alert]["expr"] = expression

    told = promtool(plant(change, alerts()), tmp_path, [alert])
    assert told.returncode != 0
    output = re.sub(r"\s+", "", told.stdout + told.stderr)
    assert f"alertname:{alert}" in output
    assert found in output


def at_once(loaded: dict[str, Any]) -> dict[str, Any]:
    """Return the alerts without the time that they wait for."""
    hasty = copy.deepcopy(loaded)
    for rule in rules(hasty).values():
        rule.pop("for", None)
    return hasty


async def test_queries_and_alerts_run_against_services_of_which_one_is_ill(tmp_path):
    """
    One is well. The other is without NATS, and Deepgram refuses it, so that its call goes on
    unheard; and Twilio signs with another token than it was given. That is told, and no more.
    """
    well, ill = free_port(), free_port()
    async with (
        EmbeddedServer() as nats,
        DeepgramStandIn() as deepgram,
        DeepgramStandIn(faults=Faults(refuse=Refusal(401))) as refusing,
        inside(METRICS_PORT=str(well), NATS_URL=nats.url, DEEPGRAM_URL=deepgram.url),
        inside(ready=False, METRICS_PORT=str(ill), DEEPGRAM_URL=refusing.url) as service,
    ):
        stream = f"ws://127.0.0.1:{service.port}/twilio"
        for _ in range(4):
            with pytest.raises(HandshakeRefused):
                await place_call(stream, b"", b"", Options(auth_token="another"))
        # Ten times a second a busy machine would leave a scrape unanswered, and that is an alert.
        async with prometheus(tmp_path, well, ill, rules=at_once(alerts()), scrape=2.0) as server:
            begun = await server.value("vector(time())")
            asked = [*queries(dashboard()), *(rule["expr"] for rule in rules(alerts()).values())]
            for query in asked:
                assert isinstance(await server.query(query), list), query
            # Only now: its records wait, and that may be told of after half a minute.
            call = Options(auth_token=AUTH_TOKEN)
            calling = asyncio.create_task(place_call(stream, bytes(100 * SAMPLE_RATE), b"", call))
            full = 1 / Settings(deepgram_api_key="key").max_calls
            for query in scaling_queries().values():
                await server.until(f"({query}) == {full}")
            # A loop is late where other tests have the processor: that is no fault of a service.
            ours = 'ALERTS{alertstate="firing",alertname!="PartylineLoopLate"}'
            await server.until(f"count({ours}) == 4")
            judged = await server.value("max(timestamp(ALERTS))")
            await server.until(f"max(timestamp(ALERTS)) > {judged + 0.5}")  # again, some times
            # All that has fired since, be it over.
            since = round(1000 * (await server.value("vector(time())") - begun))
            fired = await server.query(
                f"count by (alertname, instance) (last_over_time({ours}[{since}ms]))"
            )
            assert {
                (each["metric"]["alertname"], each["metric"].get("instance", "")) for each in fired
            } == {
                ("PartylineDeepgramAway", f"127.0.0.1:{ill}"),
                ("PartylineNatsAway", f"127.0.0.1:{ill}"),
                ("PartylineCallsUnheard", f"127.0.0.1:{ill}"),
                ("PartylineTwilioRefused", ""),
            }
        calling.cancel()
        await asyncio.wait([calling])
