"""The page's markup has no text but what is seen without a script: that is languages/en.js's."""

import re
from html.parser import HTMLParser
from pathlib import Path

from support.page_texts import english

PAGE = Path(__file__).parents[3] / "handler" / "page" / "static"
READ = {"aria-label": "label", "placeholder": "placeholder", "title": "title", "alt": "alt"}
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Texts(HTMLParser):
    """
    Collect each text of the markup with the path that it is said to have; none: None.

    What is marked as not to be translated, as a name, is none of them. Those that a script shows,
    and which are on their way for nothing, are ``hidden``.
    """

    def __init__(self):
        super().__init__()
        self.open = []
        self.found = []
        self.hidden = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag not in VOID:
            self.open.append((tag, attributes))
        for name, short in READ.items():
            if name in attributes:
                self._find(attributes[name], attributes.get(f"data-text-{short}"))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if not any(letter.isalpha() for letter in data):
            return
        if any(at.get("translate") == "no" or tag == "noscript" for tag, at in self.open):
            return
        self._find(" ".join(data.split()), self.open[-1][1].get("data-text"))

    def _find(self, text, path):
        self.found.append((text, path))
        if any(tag == "template" or "hidden" in at for tag, at in self.open):
            self.hidden.append(text)


def test_each_text_of_the_markup_is_the_english_one_of_its_path(tmp_path):
    texts = english(tmp_path)
    markup = Texts()
    markup.feed((PAGE / "index.html").read_text())
    assert markup.open == []
    for text, path in markup.found:
        assert path is not None, f"{text!r} has no data-text"
        room, name = path.split(".")
        assert texts[room][name] == text, path
    assert {"Text size, colours, language", "Keys"} <= {text for text, _ in markup.found}
    assert markup.hidden == []


def test_each_field_for_words_takes_no_more_than_anybody_looks_for():
    fields = re.findall(r'<input[^>]* type="search"[^>]*>', (PAGE / "index.html").read_text())
    assert len(fields) == 2
    assert [field for field in fields if "maxlength=" not in field] == []
