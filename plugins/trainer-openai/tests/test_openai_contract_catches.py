"""The contract of providers finds those that break it; excuses hold only for what is really wrong."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

HEAD = """
from trainer.errors import CompletionError, Overloaded
from trainer.testing.completing import CompleteContract
from trainer_openai import OllamaProvider

KEPT = []
"""
CASE = """
class {name}Provider(OllamaProvider):
{body}

class Test{name}(CompleteContract):
    model = "ollama/fake-large"
    {excuses}

    def make(self, url, key):
        return {name}Provider(base_url=f"{{url}}/v1", api_key=key)
"""
PROVIDERS = {
    "Retries": """
    def complete(self, request):
        try:
            return OllamaProvider.complete(self, request)
        except CompletionError:
            return OllamaProvider.complete(self, request)
""",
    "Swallows": """
    def complete(self, request):
        try:
            return OllamaProvider.complete(self, request)
        except BaseException as error:
            raise Overloaded("something went wrong") from error
""",
    "Changes": """
    def complete(self, request):
        request.params["seed"] = 1
        return OllamaProvider.complete(self, request)
""",
    "Keeps": """
    def complete(self, request):
        KEPT.append(request)
        return OllamaProvider.complete(self, request)
""",
    "Tells": """
    def __repr__(self):
        return f"Provider({self.api_key})"
""",
}
CAUGHT = {
    "Retries": {"test_a_fault_is_told_as_what_it_is[plain-rate_limited]"},
    "Swallows": {
        "test_a_fault_is_told_as_what_it_is[streamed-quota]",
        "test_what_on_text_raises_comes_out_unchanged",
        "test_leaving_in_the_middle_closes_the_connection",
    },
    "Changes": {"test_a_request_is_neither_changed_nor_kept[plain]"},
    "Keeps": {"test_a_request_is_neither_changed_nor_kept[streamed]"},
    "Tells": {"test_the_key_is_shown_nowhere"},
}
EXCUSED = """
    def complete(self, request):
        try:
            return OllamaProvider.complete(self, request)
        except CompletionError as error:
            if not error.retryable:
                raise
            return OllamaProvider.complete(self, request)
"""
EXCUSES = """excuses = {
        "rate_limited_date": "it retries",
        "quota-streamed": "it does not retry this, so there is no excuse",
        "test_the_key_is_shown_nowhere": "neither here",
        "a_typo": "nor for what is not tested",
    }"""
SOME = "rate_limited or quota or on_text or leaving or neither or nowhere or excuse"


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The tests that fail, by the name of the provider they are about."""
    folder = tmp_path_factory.mktemp("contract")
    cases = [CASE.format(name=name, body=body.strip("\n"), excuses="") for name, body in PROVIDERS.items()]
    cases.append(CASE.format(name="Excused", body=EXCUSED.strip("\n"), excuses=EXCUSES))
    (folder / "test_it.py").write_text("\n".join([HEAD, *cases]))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(folder), "-rf", "-k", SOME]  # fmt: skip
    done = subprocess.run([*words, "test_it.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    found: dict[str, set[str]] = {}
    for name, test in re.findall(r"^FAILED \S*::Test(\w+)::(\S+)", done.stdout, re.MULTILINE):
        found.setdefault(name, set()).add(test)
    assert found, done.stdout + done.stderr
    return found


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_that_breaks_a_promise_is_found(name: str, failures: dict[str, set[str]]) -> None:
    assert failures[name] >= CAUGHT[name]


def test_an_excuse_holds_for_what_is_wrong_and_for_nothing_else(failures: dict[str, set[str]]) -> None:
    found = failures["Excused"]
    assert found >= {
        "test_every_excuse_is_for_something_that_is_tested",
        "test_the_key_is_shown_nowhere",
        "test_a_fault_is_told_as_what_it_is[streamed-quota]",
        "test_a_fault_is_told_as_what_it_is[plain-rate_limited]",
    }
    assert not {one for one in found if "rate_limited_date" in one or "plain-quota" in one}
