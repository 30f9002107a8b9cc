"""A supervisor's morning at the desk: by keys alone, and by roles and names alone."""

import pytest
from playwright.async_api import expect
from support.page import browsing, needs_chromium, shares_browser
from support.senses import Keys, Tree

from bench.desk.calls import Desk
from bench.desk.page import opened, panels

pytestmark = [needs_chromium, shares_browser]
CALLS, OPENED = 5, 3
WORD = "invoice"  # of the second call
SAID = "twice what"  # in it alone, and no name or metadata has it
AWAITED = "lawyer"


def token_of(desk: Desk) -> str:
    return desk.link().partition("token=")[2]


def number_of(call) -> str:
    """Return what somebody would type to find a call."""
    return call.talk.customer[-7:]


async def come_in_by_keys(page, keys, desk):
    # Sign in: the field has the focus.
    await expect(page.locator("#token")).to_be_focused()
    await keys.write(token_of(desk))
    await keys.press("Enter")
    await expect(page.locator("#calls .open").first).to_be_visible()
    # Open three calls by their numbers; each has the focus then.
    for number, call in enumerate(desk.calls[:OPENED], 1):
        await keys.press("Control+k")
        await keys.write(number_of(call))
        await keys.go_to(call.talk.customer)
        await keys.press("Enter")
        await expect(panels(page)).to_have_count(number)
        await expect(panels(page, ".live:has(.turn)")).to_have_count(number)
        await expect(page.locator(".log:focus")).to_have_count(1)


async def walk_by_keys(page, desk):
    keys = Keys(page)
    await come_in_by_keys(page, keys, desk)
    second = desk.calls[1]
    # Go to the call that said a word: by Enter, and by the arrow behind the calls that fit.
    for way in (["Enter"], ["ArrowDown", "Enter"]):
        await keys.press("Control+k")
        await keys.write(SAID)
        await expect(page.locator("#found-part .hint")).to_have_text(
            f"Found in 1 of {CALLS} calls."
        )
        await keys.press(*way)
        await expect(panels(page, ":has(:focus)").locator(".title")).to_contain_text(
            second.talk.customer
        )
        await expect(panels(page, ":has(:focus)").locator(".shown")).to_contain_text(SAID)
    # Go back to the second one, and find a word in it.
    await keys.press("Control+k")
    await keys.write(number_of(second))
    await keys.go_to(second.talk.customer)
    await keys.press("Enter")
    await expect(panels(page, ":has(:focus)").locator(".title")).to_contain_text(
        second.talk.customer
    )
    await keys.press("s")
    await keys.write(WORD)
    await expect(panels(page, ":has(:focus)").locator(".hits")).to_have_text("1 of 1")
    await keys.press("Escape")
    # Pin it, and let it go; close it: the keyboard goes on in another.
    await expect(page.locator(".log:focus")).to_have_count(1)
    await keys.press("p")
    await expect(panels(page, ".pinned:has(:focus)")).to_have_count(1)
    await keys.press("p")
    await expect(panels(page, ".pinned")).to_have_count(0)
    await keys.press("Delete")
    await expect(panels(page)).to_have_count(OPENED - 1)
    await expect(panels(page, ":has(:focus)")).to_have_count(1)
    # Wait for a word that may fall in any call.
    await keys.go_to("Watch words", "Shift+Tab")
    await keys.press("Enter")
    await expect(page.get_by_label("Word or phrase")).to_be_focused()
    await keys.write(AWAITED)
    await keys.press("Enter", "Escape")
    await expect(page.locator("#watch-words")).to_be_focused()
    # Look the keys up, and read in the dark from now on.
    await keys.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await keys.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await keys.go_to("Text size")
    await keys.press("Enter")
    await expect(page.get_by_role("dialog", name="Reading")).to_be_visible()
    await keys.go_to('radio "System"')
    await keys.press("ArrowRight", "ArrowRight")
    assert 'radio "Dark" [checked]' in await keys.focused()
    await keys.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    # Leave.
    await keys.go_to("Forget the token", "Shift+Tab")
    await keys.press("Enter")
    await expect(page.locator("#token")).to_be_focused()
    await expect(panels(page)).to_have_count(0)


async def walk_by_tree(page, desk):
    tree = await Tree.of(page)
    second = desk.calls[1]
    await tree.write("textbox", "Your token", token_of(desk))
    await tree.press("button", "Open")
    for call in desk.calls[:OPENED]:
        await tree.write("searchbox", "words", number_of(call))
        await tree.press("button", call.talk.customer)
        await tree.find("article", f"Call {call.talk.customer}")
        said = call.last.text.split()[-1]
        await tree.find("StaticText", said, within=f"Transcript of {call.talk.customer}")
    # Who said a word is told, and where.
    await tree.write("searchbox", "words", SAID)
    await tree.find("heading", "In what was said")
    await tree.find("button", f"{second.talk.customer} ")
    of_second = f"Call {second.talk.customer}"
    await tree.press("button", "Tools", within=of_second)
    await tree.press("menuitem", "Find")
    await tree.write("searchbox", "Find", WORD, within=of_second)
    await tree.find("StaticText", "1 of 1", within=of_second)
    await tree.press("button", "Tools", within=of_second)
    await tree.press("menuitemcheckbox", "Pin")
    await tree.find("image", "Pinned", within=of_second)
    await tree.press("button", "Close", within=of_second)
    await tree.gone("article", second.talk.customer)
    await tree.press("button", "Keys")
    await tree.find("heading", "In a call", within="Keys")
    await tree.press("button", "Close", within="Keys")
    await tree.gone("dialog")
    await tree.press("button", "Text size")
    await tree.press("radio", "Dark", within="Reading")
    await tree.find("radio", "Dark", within="Colours", checked="true")
    await tree.press("button", "Text size")
    await tree.gone("dialog")
    await tree.press("button", "Forget the token")
    await tree.find("textbox", "Your token", focused=True)
    await tree.gone("article")


@pytest.fixture(scope="module")
async def desk(anyio_backend):
    """Run one for both: they change nothing."""
    async with Desk() as running:
        await running.begin(CALLS, lasts=40)
        yield running


@pytest.mark.parametrize("walk", [walk_by_keys, walk_by_tree])
async def test_a_morning_at_the_desk(desk, walk):
    door = desk.link().partition("#")[0]
    async with browsing() as browser, opened(browser, door, 1366) as page:
        await walk(page, desk)
