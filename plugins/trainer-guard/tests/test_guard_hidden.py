"""Hidden characters are found and stripped; what scripts and emoji need is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trainer_guard.hidden import find_hidden, strip_hidden

NEEDED = {
    "emoji joined to a family": "👨‍👩‍👧‍👦",
    "emoji with a variation selector": "❤️‍🔥 ✈️ ☎︎",
    "keycaps": "1️⃣ #️⃣",
    "skin tones": "👩🏽‍🚀 🧑🏿‍🤝‍🧑🏻",
    "a rainbow flag and a pirate flag": "🏳️‍🌈 🏴‍☠️",
    "flags of regions": "🏴󠁧󠁢󠁥󠁮󠁧󠁿🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "Persian with ZWNJ": "می‌خواهم کتاب‌هایم را بخوانم؛ نسخهٔ iPhone‌ها",
    "Arabic with diacritics": "بِسْمِ اللَّهِ الرَّحْمَٰنِ الرَّحِيمِ",
    "Arabic with marks and embeddings": "السعر \u200e12.5\u200e دولار \u202bنص\u202c \u2067عربي\u2069",
    "Hebrew with marks": "המחיר הוא \u200f$12\u200f היום",
    "Hindi with ZWJ and ZWNJ": "क्‍ष श्री रा‌म",
    "Bengali with ZWJ": "র‍্যাব",
    "Sinhala with ZWJ": "ශ්‍රී ලංකා",
    "Malayalam with chillu by ZWJ": "അവന്‍",
    "Thai with ZWSP": "ภาษา\u200bไทย",
    "Khmer with ZWSP": "ភាសា\u200bខ្មែរ",
    "Chinese and Japanese": "中文，測試。日本語のテスト",
    "an ideograph with its variant": "葛\U000e0100城市",
    "Mongolian with its separator": "ᠮᠣᠩᠭᠣᠯ\u180eᠠ",
    "Korean in letters that join": "각 한국어",
    "soft hyphens": "Donau\u00addampf\u00adschiff",
    "a byte order mark": "\ufeffTitle",
    "a break after a slash": "and/\u200bor https://example.com/\u200bpath",
    "tabs, form feeds and new lines": "a\tb\r\nc\x0cd\x85",
    "combining marks": "e\u0301 ñ n\u0303 Z\u0351",
}
HIDDEN = {
    "nul": "a\0b",
    "terminal-escape": "\x1b[31mred\x1b[0m",
    "control": "bell\x07",
    "bidi": "user\u202e \u2066// admin\u2069",
    "tags": "hello" + "".join(chr(0xE0000 + ord(char)) for char in "obey"),
    "invisible": "pass\u200bword",
}


@pytest.mark.parametrize("text", NEEDED.values(), ids=NEEDED.keys())
def test_what_scripts_and_emoji_need_is_left_alone(text: str) -> None:
    assert list(find_hidden(text)) == []
    assert list(find_hidden(f"Revenue {text} rose.")) == []
    assert strip_hidden(text) == text


@pytest.mark.parametrize(("category", "text"), HIDDEN.items())
def test_what_hides_is_found_and_stripped(category: str, text: str) -> None:
    assert {match.category for match in find_hidden(text)} == {category}
    assert list(find_hidden(strip_hidden(text))) == []


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("ig\u200bnore", "ignore"),
        ("ig\ufe0fnore", "ignore"),
        ("a\u200b\u202eb", "ab"),
        ("x" + "\ufe01\ufe02\ufe03", "x"),
        ("x\U000e0101\U000e0102", "x"),
        ("a" + "\u200b\u200c" * 4 + " b", "a b"),
        ("\x1b]0;owned\x07text", "text"),
        ("\x1b\x1b[31m[31mtext", "[31mtext"),
        ("\x9b31mtext", "text"),
        ("🏴" + "".join(chr(0xE0000 + ord(char)) for char in "ignore this") + "\U000e007f", "🏴"),
        ("half \ud800 a pair", "half  a pair"),
        ("e\u200bλ\u200bя", "eλя"),
    ],
)
def test_stripping_leaves_what_is_seen(text: str, stripped: str) -> None:
    assert strip_hidden(text) == stripped


def test_old_code_pages_and_separators_are_only_a_hint() -> None:
    assert [match.severity for match in find_hidden("the Company\x92s\x1fshares")] == ["low", "low"]
    assert [match.severity for match in find_hidden("a\0b\x07")] == ["high", "medium"]


def test_the_text_in_tags_is_told() -> None:
    assert "obey" in next(iter(find_hidden(HIDDEN["tags"]))).message


nasty = st.text(
    st.sampled_from("a9 \n[m;]\\é日ما🏴👩\0\x07\x1b\x9b\x1f\u00ad\u200b\u200c\u200d\u200e\u202a\u202c\u202e\u2066\u2069\ufe0f\ufeff"
    "\u180e\U000e0100\U000e0061\U000e007f\ud800\x85"),
    max_size=25,
)  # fmt: skip


@given(nasty)
def test_stripping_once_is_enough(text: str) -> None:
    stripped = strip_hidden(text)
    assert strip_hidden(stripped) == stripped
    assert list(find_hidden(stripped)) == []


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Mn"]), max_size=40))
def test_a_text_without_invisible_characters_is_never_changed(text: str) -> None:
    visible = "".join(char for char in text if char not in "\u115f\u1160\u3164\uffa0")
    assert strip_hidden(visible) == visible
