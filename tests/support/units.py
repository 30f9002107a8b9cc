"""
Which tests one process runs one after the other, and which of them begin first.

A unit is a module: its tests share what they start. pytest-xdist's own mark for it, xdist_group,
does nothing with this pytest: it writes the group into a name that is no longer read.
"""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

# Each keeps a processor busy, or judges how late a call comes beside it: not beside its like.
BUSY = (
    "tests/system/test_speech.py",
    "tests/system/test_hostile_http.py",
    "tests/system/test_hostile_subscribers.py",
    "tests/system/test_disturbed.py",
    "tests/rehearsal/test_recogniser.py",
    "tests/bench/test_comparison.py",
)
# The longest come first, or others would wait for them in the end: what takes more than 10 s, as
# --durations tells.
FIRST = (
    *BUSY,
    "tests/system/test_page_network.py",
    "tests/system/test_page.py",
    "tests/handler/calls/test_relocator.py",
    "tests/system/test_clients.py",
    "tests/system/test_page_list.py",
    "tests/handler/deepgram/test_session.py",
    "tests/system/test_desk_layout.py",
    "tests/system/test_page_loading.py",
    "tests/system/test_path.py",
    "tests/system/test_doctor.py",
    "tests/system/test_page_words.py",
    "tests/system/test_page_truth.py",
    "tests/system/test_outages.py",
    "tests/system/test_open_calls.py",
    "tests/system/test_restarts.py",
    "tests/system/test_moves.py",
    "tests/handler/calls/test_moves.py",
    "tests/handler/calls/test_relocation.py",
    "tests/system/test_desk_states.py",
    "tests/system/test_desk_walks.py",
    "tests/system/test_page_reading.py",
    "tests/system/test_page_languages.py",
    "tests/system/test_desk.py",
    "tests/handler/forward/test_kills.py",
    "tests/system/test_embedding.py",
    "tests/handler/forward/test_forwarder.py",
    "tests/system/test_doors.py",
    "tests/system/test_subscriptions.py",
    "tests/system/test_status.py",
    "tests/handler/calls/test_takeover.py",
    "tests/handler/calls/test_restarter.py",
    "tests/system/test_recogniser.py",
    "tests/system/test_subscribers.py",
    "tests/broker/test_janitor.py",
    "tests/system/test_audio_path.py",
    "tests/system/test_processes.py",
    "tests/handler/cli/test_serve.py",
    "tests/system/test_attacks.py",
    "tests/system/test_proxies.py",
    "tests/handler/server/test_websocket_protocol.py",
    "tests/system/test_examples.py",
    "tests/system/test_streams_of_the_world.py",
    "tests/handler/cli/test_watch.py",
    "tests/system/test_browser.py",
    "tests/broker/test_servers.py",
    "tests/test_monitoring.py",
    "tests/broker/test_cluster.py",
    "tests/handler/twilio/test_rest.py",
    "tests/rehearsal/twilio/test_running_call.py",
    "tests/test_import_rules.py",
    "tests/broker/test_writer.py",
    "tests/system/test_pauses.py",
    "tests/broker/cli/test_identity.py",
    "tests/broker/cli/test_connect.py",
    "tests/test_production.py",
    "tests/broker/cli/test_provision.py",
    "tests/handler/server/test_http_protocol.py",
)


def module_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def unit_of(nodeid: str) -> str:
    module = module_of(nodeid)
    return "busy" if module in BUSY else module


def turn_of(nodeid: str) -> int:
    """Where a test comes: those above, what else starts services, the rest."""
    module = module_of(nodeid)
    if module in FIRST:
        return FIRST.index(module)
    return len(FIRST) + (not module.startswith("tests/system/"))


def by_unit(config: Any, log: Any) -> LoadScopeScheduling:
    """Give each process unit after unit, in the order in which they were collected."""
    config.option.loadscopereorder = False  # else by how many tests a unit has
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = unit_of
    return scheduler
