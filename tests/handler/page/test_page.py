"""What the page's files are served as, by a server on a port."""

import gzip
import re
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from support.twilio_api import serving

from handler.page import linking
from handler.page.page import DIRECTORY, Page
from handler.page.shelf import ENTRIES, Shelf


@asynccontextmanager
async def asking():
    async with (
        serving(Starlette(routes=[Route("/{path:path}", Page())])) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client


async def test_every_module_can_be_linked_alone_and_every_file_has_its_type():
    shelf = Shelf(DIRECTORY)
    async with asking() as client:
        for path in sorted(DIRECTORY.rglob("*")):
            if path.suffix in {".js", ".css"}:
                name = path.relative_to(DIRECTORY).as_posix()
                answer = await client.get(name)
                kind = "javascript" if path.suffix == ".js" else "css"
                assert (answer.status_code, kind in answer.headers["content-type"]) == (200, True)
        for entry in ENTRIES:
            for later in shelf._linker.later(entry):
                assert (await client.get(f"{shelf.folder}/{later}")).status_code == 200, later


async def test_the_page_is_one_answer_of_one_version():
    async with asking() as client:
        page = (await client.get("")).text
        assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:,"]
        assert "class Workspace" in page
        assert ".call-panel" in page
        assert (await client.get("index.html")).text == page


async def test_who_can_takes_it_compressed_and_who_has_it_does_not_take_it_again():
    async with asking() as client:
        plain = await client.get("", headers={"accept-encoding": "identity"})
        packed = await client.get("", headers={"accept-encoding": "gzip"})
        assert packed.text == plain.text
        assert int(packed.headers["content-length"]) < len(plain.content) / 3
        assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding, origin"
        tags = {one.headers["etag"] for one in (plain, packed)}
        assert len(tags) == 2
        for encoding, first in (("identity", plain), ("gzip", packed)):
            tag = first.headers["etag"]
            asked = {"accept-encoding": encoding, "if-none-match": f'"old", W/{tag}'}
            again = await client.get("", headers=asked)
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            # The other one is not had.
            other = (tags - {tag}).pop()
            asked["if-none-match"] = other
            assert (await client.get("", headers=asked)).status_code == 200


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_head_says_what_a_get_does_and_a_part_is_answered_by_the_whole(encoding):
    headers = {"accept-encoding": encoding}
    async with asking() as client:
        whole = await client.get("call.css", headers=headers)
        head = await client.head("call.css", headers=headers)
        same = ("content-length", "content-type", "etag", "vary", "cache-control")
        assert [head.headers[name] for name in same] == [whole.headers[name] for name in same]
        assert (head.status_code, head.content) == (200, b"")
        part = await client.get("call.css", headers=headers | {"range": "bytes=0-9"})
        assert (part.status_code, part.content) == (200, whole.content)


async def test_what_is_none_of_the_pages_is_not_there():
    async with asking() as client:
        for path in ("config.py", "..%2fpage.py", "call", "partyline/", "%00", "x" * 2000):
            assert (await client.get(path)).status_code == 404, path
        answer = await client.post("")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_what_is_none_of_the_pages_is_looked_for_in_no_module(monkeypatch):
    """Others choose what they ask for, and how often: nothing is reckoned or kept for it."""
    shelf = Shelf(DIRECTORY)
    assert shelf.find(f"{shelf.folder}/help/help_sheet.js") is not None
    made = set(shelf.made)
    monkeypatch.delattr(linking.Linker, "_visit")  # it walks from module to module
    for number in range(100):
        assert shelf.find(f"{shelf.folder}/{number}.js") is None
        assert shelf.find(f"files/{number}/help/help_sheet.js") is None
    assert set(shelf.made) == made


def test_another_versions_files_are_told_from_ours(tmp_path):
    """As two containers have it while one version follows the other."""
    (tmp_path / "index.html").write_text('<script type="module" src="main.js"></script>\n')
    (tmp_path / "main.js").write_text('import("./help.js");\n')
    (tmp_path / "partyline-call.js").write_text("")
    (tmp_path / "help.js").write_text("export const help = 1;\n")
    old = Shelf(tmp_path)
    path = f"{old.folder}/help.js"
    found = old.find(path)
    assert found is not None
    assert found.lasts
    assert "help = 1" in gzip.decompress(found.packed).decode()
    assert old.find(f"{old.folder}/main.js") is None  # nobody loads it later
    (tmp_path / "help.js").write_text("export const help = 2;\n")
    new = Shelf(tmp_path)
    assert new.find(path) is None
    assert f'$later("./{new.folder}/help.js")' in new.find("").plain.decode()
