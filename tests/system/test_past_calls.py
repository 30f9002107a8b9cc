"""The calls that are over, in a real browser: found again, read, the older ones too."""

import json
import re

import nats
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from support.page import needs_chromium, opened, said, shares_browser
from support.sids import account_sid, call_sid

from broker.subjects import Address, Subjects

pytestmark = [needs_chromium, shares_browser]
NUMBER, OTHER = "+15550001111", "+15550002222"
EARLIER = 60  # more than a page


async def tell_of_earlier_calls(nats_url: str) -> None:
    """Store the ends of calls whose beginning has expired."""
    client = await nats.connect(nats_url)
    for number in range(1, EARLIER + 1):
        address = Address(account_sid(1), call_sid(number), "event", "call")
        body = {
            "type": "CallEnded",
            "callSid": call_sid(number),
            "at": number,
            "duration": 61.0,
            "reason": "crashed",
        }
        await client.publish(Subjects().ingested(address), json.dumps(body).encode())
    await client.flush()
    await client.close()


def row(page, place: int):
    """Find the row in a place: those that are far from the view do not exist."""
    return page.locator(f'#ended li[aria-posinset="{place + 1}"]')


async def test_calls_that_are_over_are_found_and_read_again(serve, token, tell):
    service = serve()
    call = await tell(service, from_=NUMBER, to=OTHER)
    call.say("It was nice.", 0.0)
    await call.end()
    await tell_of_earlier_calls(service.nats_url)
    async with opened(f"{service.url}/#token={token}", color_scheme="dark") as page:
        rows = page.locator("#ended .open")
        ended = page.get_by_label("Ended")
        await expect(page.locator("#calls-part")).to_be_visible()
        await ended.check()
        await expect(rows.first).to_contain_text(f"{NUMBER} → {OTHER}")
        await expect(rows.first.locator(".last")).to_contain_text("ended · 3 words")
        await expect(rows.first).to_have_accessible_name(re.compile("ended · 3 words"))
        await expect(row(page, 0)).to_have_attribute("aria-setsize", "50")
        await expect(row(page, 1)).to_contain_text(call_sid(EARLIER))
        await expect(row(page, 1).locator(".clock")).to_have_text("01:01")
        results = await Axe().run(page)
        assert [one["id"] for one in results.response["violations"]] == []
        await page.get_by_role("button", name="Older calls").click()
        await expect(page.get_by_role("button", name="Older calls")).to_be_hidden()
        await expect(row(page, EARLIER).locator(".open")).to_be_focused()  # not nowhere
        await page.keyboard.press("Home")
        await expect(row(page, 0)).to_have_attribute("aria-setsize", str(EARLIER + 1))
        await rows.first.click()
        await expect(page.locator(".call-panel .state")).to_have_text("ended")
        assert await said(page) == ["It was nice."]
        await expect(rows.first).to_have_attribute("aria-current", "true")
        await page.fill(
            "#search", OTHER
        )  # what tells which calls fit is loaded with the first search
        await expect(page.locator("#ended .open")).to_have_count(1)
        await page.context.set_offline(True)
        await page.fill("#search", NUMBER)  # the service is asked for all of it
        await expect(page.locator("#past-notice")).to_have_text("Not read: Failed to fetch")
