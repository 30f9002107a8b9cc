"""The texts of the page, as its modules have them."""

import json
from pathlib import Path
from typing import Any

from support.deno import deno

ENGLISH = Path(__file__).parents[2] / "handler" / "page" / "static" / "languages" / "en.js"


def english(directory: Path) -> dict[str, Any]:
    """Return the English ones by room and name; those that are made of something are empty."""
    script = directory / "texts.js"
    script.write_text(
        f'import {{ texts }} from "{ENGLISH.as_uri()}";'
        "console.log(JSON.stringify(texts, (_, one) => typeof one === 'function' ? '' : one));"
    )
    texts: dict[str, Any] = json.loads(deno("run", "--allow-read", str(script), cache=directory))
    return texts
