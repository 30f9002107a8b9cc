"""A page without eyes or pointer: what its keys reach, what assistive technology is told of it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error
from support.timing import LOOK, patience

MOST_TABS = 200
MOST_DRAWN = 20  # times that an element is replaced between being found and being acted on


class Keys:
    """Somebody with a keyboard alone."""

    def __init__(self, page) -> None:
        self._page = page

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._page.keyboard.press(key)

    async def write(self, text: str) -> None:
        """Type instead of what stands in the field."""
        await self._page.keyboard.press("Control+a")
        await self._page.keyboard.type(text)

    async def focused(self) -> str:
        """Return the role and the name of what has the focus; nothing at the ends of the page."""
        found = self._page.locator(":focus")
        if not await found.count():
            return ""
        return str(await found.aria_snapshot()).partition("\n")[0]

    async def go_to(self, what: str, key: str = "Tab") -> None:
        """Go on until something has the focus; what no key reaches is a fault."""
        passed = []
        for _ in range(MOST_TABS):
            await self.press(key)
            if what in await self.focused():
                return
            passed.append(await self.focused())
        raise AssertionError(f"{key} does not reach {what}, but {passed}")


@dataclass
class Told:
    """An element as the browser tells assistive technology of it."""

    role: str
    name: str
    state: dict[str, Any]
    element: int
    within: tuple[str, ...]
    """The names of what it is in."""


class Tree:
    """Somebody who is told roles and names, and acts by them."""

    def __init__(self, devtools) -> None:
        self._devtools = devtools

    @classmethod
    async def of(cls, page) -> "Tree":
        return cls(await page.context.new_cdp_session(page))

    async def told(self) -> list[Told]:
        """Return everything that is told of, in its order."""
        nodes = (await self._devtools.send("Accessibility.getFullAXTree"))["nodes"]
        names = {node["nodeId"]: node.get("name", {}).get("value", "") for node in nodes}
        parents = {node["nodeId"]: node.get("parentId") for node in nodes}

        def around(node: str) -> Iterator[str]:
            while (above := parents.get(node)) is not None:
                yield names[above]
                node = above

        return [
            Told(
                node["role"]["value"],
                names[node["nodeId"]],
                {one["name"]: one["value"].get("value") for one in node.get("properties", [])},
                node.get("backendDOMNodeId", 0),
                tuple(around(node["nodeId"])),
            )
            for node in nodes
            if not node.get("ignored")
        ]

    async def find(self, role: str, name: str = "", *, within: str = "", **state: Any) -> Told:
        """Wait until something is told of: by role, state, parts of its name or of those around."""
        try:
            async with patience():
                while True:
                    for one in await self.told():
                        fits = one.role == role and name in one.name
                        is_there = not within or any(within in around for around in one.within)
                        is_so = all(one.state.get(key) == value for key, value in state.items())
                        if fits and is_there and is_so:
                            return one
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            told = [f"{one.role} {one.name!r} {one.state}" for one in await self.told()]
            raise AssertionError(f"no {role} {name!r} {state} among {told}") from None

    async def gone(self, role: str, name: str = "") -> None:
        """Wait until nothing of that kind is told of."""
        async with patience():
            while any(  # noqa: ASYNC110  the browser tells of no change
                one.role == role and name in one.name for one in await self.told()
            ):
                await asyncio.sleep(LOOK)

    async def _act(self, role: str, name: str, within: str, what: str) -> None:
        """Do something with an element, or with the one that was drawn in its place."""
        for _ in range(MOST_DRAWN):
            one = await self.find(role, name, within=within)
            try:
                if await self._call(one, what):
                    return
            except Error as error:
                if "No node" not in str(error):
                    raise
        raise AssertionError(f"{role} {name!r} is drawn anew again and again")

    async def _call(self, one: Told, what: str) -> bool:
        element = await self._devtools.send(
            "DOM.resolveNode", {"backendNodeId": one.element, "objectGroup": "told"}
        )
        called = await self._devtools.send(
            "Runtime.callFunctionOn",
            {
                "objectId": element["object"]["objectId"],
                "functionDeclaration": (
                    f"function () {{ if (!this.isConnected) return false; {what} return true; }}"
                ),
                "returnByValue": True,
                "userGesture": True,
            },
        )
        assert "exceptionDetails" not in called, called["exceptionDetails"]
        return bool(called["result"]["value"])

    async def press(self, role: str, name: str = "", *, within: str = "") -> None:
        """Do what one does with it."""
        await self._act(role, name, within, "this.focus(); this.click();")

    async def write(self, role: str, name: str, text: str, *, within: str = "") -> None:
        """Write into a field."""
        await self._act(role, name, within, "this.focus(); this.select();")
        await self._devtools.send("Input.insertText", {"text": text})
