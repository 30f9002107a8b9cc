"""The demo's own decisions; what it shows as a whole is tested with the system."""

import pytest
from support.credentials import TOKEN_SECRET

from rehearsal import demo
from rehearsal.demo import Demo
from rehearsal.errors import DemoFailed
from rehearsal.programs import Programs


async def test_settings_of_another_service_do_not_leak_in(tmp_path, monkeypatch):
    programs = Programs(tmp_path, {"TOKEN_SECRET": TOKEN_SECRET})
    monkeypatch.setenv("TOKEN_SECRET", "too short")
    monkeypatch.setenv("NATS_URL", "nats://elsewhere.example.com")
    assert (await Demo(programs)._mint()).count(".") == 2
    del programs.environ["TOKEN_SECRET"]
    with pytest.raises(DemoFailed, match="no token could be made"):
        await Demo(programs)._mint()


def test_the_line_that_says_ready_is_found_among_others():
    assert demo._ready('{"event": "ready", "url": "http://x"}') == {
        "event": "ready",
        "url": "http://x",
    }
    for other in ("", "[]", '"ready"', "ready", '{"event": "not ready"}'):
        assert demo._ready(other) is None
