"""For each promise of stores and providers, its test alone, on one that breaks it."""

from __future__ import annotations

from typing import Any

from .providers import PROVIDERS, Completes
from .stores import OPENED, STORES, Opening, Stores

BREAKERS: dict[type, dict[str, Any]] = {Stores: STORES, Opening: OPENED, Completes: PROVIDERS}


def of(contract: type, promise: str) -> str:
    """The name of the class that tests one promise."""
    return f"Test{contract.__name__}{promise.removeprefix('test').title().replace('_', '')}"


for _contract, _breakers in BREAKERS.items():
    for _promise, _breaker in _breakers.items():
        _told: dict[str, Any] = {"kind": _breaker, "plugin": _breaker} if _contract is Opening else {"kind": _breaker}
        if "excuse" in _promise:
            _told["excuses"] = {"a_typo": "for nothing"}
        globals()[of(_contract, _promise)] = type(
            of(_contract, _promise), (_contract,), {**_told, "__module__": __name__}
        )
# Of a promise that is asked in many ways, the one in which it is broken here.
WAYS = {
    "test_a_fault_is_told_as_what_it_is": "[plain-quota]",
    "test_odd_manners_do_not_change_the_text": "[plain-crlf]",
    "test_a_server_that_repeats_the_key_does_not_give_it_away": "[plain-unauthorized]",
    "test_a_key_that_cannot_be_sent_is_a_wrong_setting": "[newline]",
    "test_every_store_answers_these_filters": "[{'ticker': 'AAPL'}-True]",
}
NODES = [
    f"tests/contracts/single.py::{of(contract, promise)}::{promise}{WAYS.get(promise, '')}"
    for contract, breakers in BREAKERS.items()
    for promise in breakers
]
