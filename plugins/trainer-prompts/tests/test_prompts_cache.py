"""Cached prompts: least recently used first out, none older than allowed, none whose files have changed."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from trainer import Instruction, Message, Prompt
from trainer_prompts import PromptCache, PromptManager


def prompt(text: str = "text") -> Prompt:
    return Prompt((Message("user", text),), Instruction.parse(text))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 4), st.lists(st.tuples(st.booleans(), st.sampled_from("abcdef")), max_size=60))
@settings(deadline=None)
def test_the_least_recently_used_prompt_goes_first(size: int, steps: list[tuple[bool, str]]) -> None:
    cache, model, one = PromptCache(size), OrderedDict[str, None](), prompt()
    for puts, key in steps:
        if puts:
            cache.put(key, one)
            model[key] = None
        assert (cache.get(key) is not None) == (key in model)
        if key in model:
            model.move_to_end(key)
        while len(model) > size:
            model.popitem(last=False)
        assert len(cache) == len(model)


def test_a_prompt_is_kept_for_its_time_and_no_longer() -> None:
    clock = Clock()
    cache = PromptCache(ttl=10, clock=clock)
    cache.put("a", prompt())
    clock.now = 9.9
    assert cache.get("a") is not None
    clock.now = 10
    assert cache.get("a") is None
    assert len(cache) == 0


@pytest.fixture
def manager(tmp_path: Path) -> PromptManager:
    (tmp_path / "context").mkdir()
    (tmp_path / "context/economy.md").write_text("Rates.")
    (tmp_path / "context/part.md").write_text("Be brief.")
    (tmp_path / "report.md").write_text("---\nengine: jinja\ncontexts: [economy.md]\n---\n{% include 'part.md' %}")
    return PromptManager(tmp_path / "context")


@pytest.mark.parametrize("name", ["report.md", "context/economy.md", "context/part.md"])
def test_a_prompt_is_dropped_when_a_file_it_was_made_from_changes(
    manager: PromptManager, tmp_path: Path, name: str
) -> None:
    made = manager.compose(manager.load_prompt(tmp_path / "report.md"))
    manager.cache_prompt("report", made)
    path = tmp_path / name
    path.write_text(path.read_text())  # another time, the same contents
    assert manager.get_cached("report") is made
    path.write_text(path.read_text() + "\nMore.")
    assert manager.get_cached("report") is None


def test_a_prompt_is_dropped_when_a_file_is_gone_or_had_changed_before_it_was_cached(
    manager: PromptManager, tmp_path: Path
) -> None:
    made = manager.compose(manager.load_prompt(tmp_path / "report.md"))
    manager.cache_prompt("report", made)
    (tmp_path / "context/economy.md").unlink()
    assert manager.get_cached("report") is None
    (tmp_path / "context/economy.md").write_text("Other rates.")
    manager.cache_prompt("report", made)
    assert manager.get_cached("report") is None
    assert manager.get_cached("never") is None


def test_threads_may_share_a_cache() -> None:
    cache, one = PromptCache(8), prompt()

    def work(number: int) -> None:
        for step in range(300):
            cache.put(str((number * step) % 20), one)
            assert cache.get(str(step % 20)) in (one, None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(cache) == 8
    cache.clear()
    assert len(cache) == 0


def test_a_cache_of_no_prompts_is_refused() -> None:
    with pytest.raises(ValueError, match="is none"):
        PromptCache(0)
