"""The page in a real browser: what is shown as live is so, and what it weighs on the way."""

from playwright.async_api import expect
from support.page import needs_chromium, opened, shares_browser, turns

pytestmark = [needs_chromium, shares_browser]
MAX_FIRST_LOAD = 40_000  # bytes over the wire, headers included


async def test_the_first_load_weighs_no_more_than_40_kb_in_all(serve, token, tell):
    service = serve()
    call = await tell(service)
    call.say("hello", 0.0)
    async with opened("about:blank") as page:
        devtools = await page.context.new_cdp_session(page)
        asked: dict[str, str] = {}
        weights: dict[str, float] = {}
        devtools.on(
            "Network.requestWillBeSent",
            lambda event: asked.update({event["requestId"]: event["request"]["url"]}),
        )
        devtools.on(
            "Network.loadingFinished",
            lambda event: weights.update({event["requestId"]: event["encodedDataLength"]}),
        )
        await devtools.send("Network.enable")
        await page.goto(f"{service.url}/#token={token}&call={call.sid}")
        await expect(turns(page)).to_have_count(1)
        told = {asked[request]: weight for request, weight in weights.items()}
        print(f"first load: {sum(told.values()) / 1000:.1f} kB in {len(told)} requests")
        assert sum(told.values()) <= MAX_FIRST_LOAD, told
        assert list(told) == [f"{service.url}/"]  # one answer: it is of one version
        first = dict(weights)
        await page.reload()
        await expect(page.locator("#calls button")).to_have_count(1)
        again = [weight for request, weight in weights.items() if request not in first]
        assert sum(again) <= 1000, again  # it was asked for, and is the same
