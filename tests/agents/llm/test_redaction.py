import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evokd.agents.llm.redaction import HIDDEN, make_redactor

KEY = 'sk-proj/Ab"9_x+Z=q\\w<7&'
WAYS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "bearer": lambda key: f"Bearer {key}",
    "json": json.dumps,
    "json-in-json": lambda key: json.dumps(json.dumps(key)),
    "all-escaped": lambda key: "".join(f"\\u{ord(char):04X}" for char in key),
    "half-escaped": lambda key: "".join(
        f"\\u{ord(char):04x}" if at % 2 or char in '"\\' else char for at, char in enumerate(key)
    ),
    "url": lambda key: f"http://a/?key={quote(key, safe='')}&b=1",
    "url-lower": lambda key: quote(key, safe="").lower() if key == key.lower() else quote(key, safe=""),
    "all-percent": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "html": html.escape,
    "html-numbers": lambda key: "".join(f"&#{ord(char)};" for char in key),
    "html-hex": lambda key: "".join(f"&#x{ord(char):X};" for char in key),
    "percent-twice": lambda key: quote(quote(key, safe=""), safe=""),
    "all-percent-thrice": lambda key: "".join(f"%2525{byte:02X}" for byte in key.encode()),
    "hex": lambda key: key.encode().hex(),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "basic-1": lambda key: base64.b64encode(f"u:{key}".encode()).decode(),
    "basic-2": lambda key: base64.b64encode(f"user:{key}@host".encode()).decode(),
    "basic-3": lambda key: base64.b64encode(f"me:{key}!!".encode()).decode(),
    "base64-url": lambda key: base64.urlsafe_b64encode(f"x{key}".encode()).decode(),
}


@pytest.mark.parametrize("key", [KEY, "sk-1234567890abcdef", "kłucz-ключ-鍵鍵鍵"])
@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_struck_out_however_it_is_written(way: str, key: str) -> None:
    written = WAYS[way](key)
    redacted = make_redactor(key)(f"The server said: {written}; and again {written}.")
    assert HIDDEN in redacted
    assert written not in redacted
    assert key not in redacted
    assert redacted.startswith("The server said: ")


@given(text=st.text(), key=st.text(min_size=8, max_size=40))
def test_texts_without_the_key_stay_as_they_are(text: str, key: str) -> None:
    if key not in text:
        assert make_redactor(key + "\x01never")(text) == text


def test_short_keys_are_let_be() -> None:
    assert make_redactor("no-key")("there is no-key here") == "there is no-key here"


@pytest.mark.parametrize("key", ["s" * 60, "\\" * 60, "%25" * 20, "&amp;" * 12])
def test_a_huge_text_takes_no_long_time(key: str) -> None:
    start = time.thread_time()
    assert HIDDEN in make_redactor(key)(key[:-1] + ("\\" * 400 + key[:-1] + "&#00000") * 1_000 + "; " + key)
    assert time.thread_time() - start < 2
