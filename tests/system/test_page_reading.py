"""Reading comfort, in a real browser: keys, copying, how one wants to read, both directions."""

import json

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from support.page import letters, needs_chromium, note, noted, opened, shares_browser, turns

pytestmark = [needs_chromium, shares_browser]
NUMBER, OTHER = "+15550001111", "+15550002222"
STYLED = "UpdateLayoutTree"  # so Chromium calls it, with how many elements
COPIES = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that ask for a call, and look at nothing but that."""
    return serve_many()


async def taken(page) -> str:
    """Return what was copied."""
    return await page.evaluate("navigator.clipboard.readText()")


async def test_turns_are_walked_copied_and_followed_by_keys(service, token, tell):
    call = await tell(service, from_=NUMBER, to=OTHER, caller_name="Ana")
    for number in range(40):
        call.say(f"line {number}", 10.0 * number)
    async with opened(f"{service.url}/#token={token}&call={call.sid}", **COPIES) as page:
        await expect(turns(page)).to_have_count(40)
        await expect(page.locator(".log")).to_be_focused()
        await note(page, ".told")
        for key in "kkkj":
            await page.keyboard.press(key)
        focused = page.locator(".turn:focus")
        await expect(focused).to_contain_text("line 38")
        await page.keyboard.press("c")
        await noted(page, ".told", "Copied: the turn at 06:20")
        link = f"{service.url}/#call={call.sid}&t=380.0"
        assert await taken(page) == f"[06:20] Ana: line 38 {link}"
        # What comes does not move the reader, who goes on when they will.
        call.say("line 40", 400.0)
        await expect(page.locator(".jump")).to_have_text("Jump to live (1 new)")
        await expect(focused).to_contain_text("line 38")
        await page.keyboard.press("f")
        await expect(page.locator(".jump")).to_be_hidden()
        await expect(turns(page).last).to_be_in_viewport()
        await page.keyboard.press("f")
        await noted(page, ".told", "Staying here")
        # In a field they are letters.
        await page.keyboard.press("s")
        await page.locator(".find").press_sequentially("jkf?c/")
        await expect(page.locator(".find")).to_have_value("jkf?c/")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_turn_is_copied_by_the_button_that_the_pointer_brings(service, token, tell):
    call = await tell(service, from_=NUMBER)
    call.say("Good morning.", 1.0)
    call.say("Who is there?", 3.0, "outbound")
    async with opened(f"{service.url}/#token={token}&call={call.sid}", **COPIES) as page:
        await expect(turns(page)).to_have_count(2)
        before = await turns(page).nth(1).bounding_box()
        await turns(page).nth(1).hover()
        await expect(page.get_by_text("Copy line")).to_be_visible()
        assert await turns(page).nth(1).bounding_box() == before  # nothing moves
        await note(page, ".told")
        await page.get_by_text("Copy line").click()
        link = f"{service.url}/#call={call.sid}&t=3.0"
        await noted(page, ".told", "Copied: the turn at 00:03")
        assert await taken(page) == f"[00:03] Callee: Who is there? {link}"
        await page.locator(".call-panel .facts").hover()
        await expect(page.get_by_text("Copy line")).to_have_count(0)


async def test_what_is_selected_of_several_turns_is_copied_with_times(service, token, tell):
    call = await tell(service, from_=NUMBER)
    call.say("Good morning.", 1.0)
    call.put(type="Gap", start=5.0, end=9.0, track=None, reason="owner-lost")
    call.say("Who is there?", 10.0, "outbound")
    async with opened(f"{service.url}/#token={token}&call={call.sid}", **COPIES) as page:
        await expect(turns(page)).to_have_count(2)
        await page.evaluate(
            "() => { const [first, , last] = document.querySelectorAll('.said > span, .gap');"
            "getSelection().setBaseAndExtent(first.firstChild, 5, last.firstChild, 3); }"
        )
        await page.locator(".log").focus()
        await page.keyboard.press("Control+c")
        lines = (await taken(page)).splitlines()
        assert [line[:15] for line in lines] == [
            "[00:01] Caller:",
            "[00:05] No tran",
            "[00:10] Callee:",
        ]
        assert (lines[0], lines[2]) == ("[00:01] Caller: morning.", "[00:10] Callee: Who")


async def test_the_help_sheet_lists_every_key(service, token):
    async with opened(f"{service.url}/#token={token}") as page:
        await expect(page.locator("#workspace")).to_be_visible()
        await page.keyboard.press("?")
        sheet = page.get_by_role("dialog", name="Keys")
        await expect(sheet).to_be_visible()
        keys = await page.evaluate(
            "import('./help/keys.js').then(({ KEYS }) =>"
            " Object.values(KEYS).map((actions) => Object.values(actions).flat()).flat())"
        )
        assert await sheet.locator(".chord").count() == len(keys)
        found = (await Axe().run(page)).response["violations"]
        assert [one["id"] for one in found] == []
        await page.keyboard.press("Escape")
        await expect(sheet).to_be_hidden()


AT = "all => all.indexOf(document.activeElement)"
OVER = [("#help", ".help"), ("#watch-words", "#watch-dialog")]


@pytest.mark.parametrize(("button", "shown"), OVER)
async def test_what_lies_over_the_page_keeps_the_keyboard_until_it_is_closed(
    service, token, button, shown
):
    async with opened(f"{service.url}/#token={token}") as page:
        opener, dialog = page.locator(button), page.locator(shown)

        async def is_closed():
            await expect(dialog).to_be_hidden()
            await expect(opener).to_be_focused()

        await opener.click()
        await expect(dialog).to_be_visible()
        inside = page.locator(f"{shown} :focus")
        await expect(inside).to_have_count(1)
        every = dialog.locator("button:enabled, input:enabled").locator("visible=true")
        first, count = await inside.element_handle(), await every.count()
        for key in ("Tab", "Shift+Tab"):
            passed = set()
            for _ in range(count):
                await page.keyboard.press(key)
                await expect(inside).to_have_count(1)
                passed.add(await every.evaluate_all(AT))
            assert len(passed) == count
            assert await first.evaluate("first => first === document.activeElement")
        # Nothing else of the page gets the keyboard, nor is it told to who only hears it.
        await page.locator("#search").evaluate("field => field.focus()")
        await expect(dialog).to_be_focused()
        await expect(page.get_by_role("searchbox")).to_have_count(0)
        await expect(page.get_by_role("button").first).to_be_attached()
        await page.keyboard.press("Escape")
        await is_closed()
        # A press on its ground leaves it, and the keyboard in it.
        await opener.click()
        await expect(dialog).to_be_visible()
        box = await dialog.bounding_box()
        await page.mouse.move(box["x"] + 4, box["y"] + box["height"] / 2)
        await page.mouse.down()
        await page.mouse.up()
        await page.keyboard.press("?")
        await page.keyboard.press("Shift+Tab")
        await expect(inside).to_have_count(1)
        # As does a selection that ends beside it; a press there closes it, and nothing else.
        await page.mouse.down()
        await page.mouse.move(4, 4)
        await page.mouse.up()
        await expect(dialog).to_be_visible()
        await page.mouse.click(4, 4)
        await is_closed()
        await expect(page.get_by_role("searchbox")).to_have_count(1)


@pytest.mark.parametrize(("button", "shown"), OVER)
async def test_to_lie_over_the_page_styles_nothing_else_of_it(service, token, button, shown):
    """Behind an hour of words that would take longer than a word may."""
    many = 5_000
    async with opened(f"{service.url}/#token={token}") as page:
        await page.locator(button).click()
        await expect(page.locator(shown)).to_be_visible()  # it is loaded, with its sheet
        await page.keyboard.press("Escape")
        await expect(page.locator(shown)).to_be_hidden()
        await page.evaluate(
            "many => { const part = document.querySelector('#calls-part');"
            " part.append(...Array.from({ length: many }, () => document.createElement('i')));"
            " part.offsetHeight; }",
            many,
        )
        browser = page.context.browser
        await browser.start_tracing(page=page, categories=["devtools.timeline"])
        await page.locator(button).click()
        await expect(page.locator(shown)).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator(shown)).to_be_hidden()
        traced = json.loads(await browser.stop_tracing())["traceEvents"]
        styled = [one["args"]["elementCount"] for one in traced if one["name"] == STYLED]
        assert 0 < sum(styled) < many / 2


async def test_how_one_reads_is_kept(service, token, tell):
    call = await tell(service, from_=NUMBER)
    call.say("Good morning.", 1.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(1)
        size = "element => parseFloat(getComputedStyle(element).fontSize)"
        usual = await page.locator(".said").evaluate(size)
        button = page.locator("#reading")
        await expect(button).to_have_attribute("aria-expanded", "false")
        await button.click()
        menu = page.get_by_role("dialog", name="Reading")
        await expect(button).to_have_attribute("aria-expanded", "true")
        for choice in ("Largest", "Compact", "Dark"):
            await menu.get_by_label(choice).check()
        await menu.get_by_label("Show times").uncheck()
        found = (await Axe().run(page)).response["violations"]
        assert [one["id"] for one in found] == []
        await page.keyboard.press("Escape")
        await expect(menu).to_be_hidden()
        await expect(button).to_be_focused()
        await expect(button).to_have_attribute("aria-expanded", "false")
        for _ in range(2):
            assert await page.locator(".said").evaluate(size) > 1.4 * usual
            await expect(page.locator("body")).to_have_css("background-color", "rgb(20, 23, 27)")
            await expect(page.locator(".turn .time")).to_be_hidden()
            wide = "document.documentElement.scrollWidth - innerWidth"
            await page.set_viewport_size({"width": 390, "height": 800})
            assert await page.evaluate(wide) <= 0
            await page.goto(f"{service.url}/?again#call={call.sid}")  # reads what was kept
            await expect(turns(page)).to_have_count(1)
        # What nobody could have chosen is as if it were not there.
        await page.evaluate("localStorage.setItem('partyline.reading', '{\"size\": \"moon\"')")
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("data-size", "normal")


async def test_each_turn_is_written_as_its_script_is_and_numbers_stay_as_they_are(
    service, token, tell
):
    call = await tell(service, from_=NUMBER, to=OTHER, caller_name="نور", metadata={"שם": "+1 555"})
    call.say("صباح الخير، رقمي +1 555 010 0200 شكرا", 1.0)
    call.say("שלום, מה שלומך?", 5.0, "outbound")
    call.say("I have +1 555 010 0300, نعم", 9.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(3)
        directions = await page.locator(".said").evaluate_all(
            "all => all.map((one) => getComputedStyle(one).direction)"
        )
        assert directions == ["rtl", "rtl", "ltr"]
        texts = [
            (".said", "+1 555 010 0200"),
            (".said", "+1 555 010 0300"),
            (".call-panel .title", NUMBER),
            (".call-panel .title", OTHER),
            ("#calls", NUMBER),
        ]
        for selector, text in texts:
            lefts = await letters(page, selector, text)
            assert lefts == sorted(lefts), text
        # The name stands before its number, and both before the other side.
        name = await letters(page, ".call-panel .title", "نور")
        numbers = [(await letters(page, ".call-panel .title", one))[0] for one in (NUMBER, OTHER)]
        assert name[0] < numbers[0] < numbers[1]
        assert name == sorted(name, reverse=True)
        # What is found across a number's edge is found.
        await page.keyboard.press("s")
        await page.fill(".find", "رقمي +1 555")
        await expect(page.locator(".hits")).to_have_text("1 of 1")


async def test_nothing_that_may_change_is_told_to_those_who_listen(service, token, tell):
    """Nor is the button that the pointer brings; what has the focus is told as it is."""
    call = await tell(service, from_=NUMBER)
    call.say("Good morning.", 1.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(page.locator(".log")).to_have_attribute("aria-live", "polite")
        await turns(page).first.hover()
        await expect(page.get_by_text("Copy line")).to_be_visible()
        log = page.get_by_role("log")
        await expect(log).to_match_aria_snapshot(
            "- log:\n"
            "  - paragraph:\n"
            "    - text: Caller\n"
            '    - link "00:01"\n'
            "  - paragraph: Good morning.\n"
        )
