"""For those who write plugins: contracts that a plugin must keep, and real parts to test against.

A contract is a class of tests: subclass it in a test file, say in two or three attributes what your plugin is
and may be asked, and run pytest.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.testing.analyzing import AnalyzeContract as AnalyzeContract
    from trainer.testing.commanding import CommandContract as CommandContract
    from trainer.testing.completing import (
        AnswerContract as AnswerContract,
        CompleteContract as CompleteContract,
        ProviderContract as ProviderContract,
    )
    from trainer.testing.composing import ComposeContract as ComposeContract
    from trainer.testing.contract import PluginContract as PluginContract
    from trainer.testing.converting import ConvertContract as ConvertContract
    from trainer.testing.embedding import EmbedContract as EmbedContract
    from trainer.testing.executing import ExecuteContract as ExecuteContract
    from trainer.testing.fake_llm import (
        FakeLLM as FakeLLM,
        Fault as Fault,
        Limits as Limits,
        Reply as Reply,
        Usage as Usage,
        obey as obey,
    )
    from trainer.testing.intercepting import InterceptContract as InterceptContract
    from trainer.testing.retrieving import RetrieveContract as RetrieveContract
    from trainer.testing.securing import SecureContract as SecureContract
    from trainer.testing.stores import OpenContract as OpenContract, StoreContract as StoreContract

_WHERE = {
    "AnalyzeContract": "analyzing",
    "AnswerContract": "completing",
    "CommandContract": "commanding",
    "CompleteContract": "completing",
    "ComposeContract": "composing",
    "ConvertContract": "converting",
    "EmbedContract": "embedding",
    "ExecuteContract": "executing",
    "InterceptContract": "intercepting",
    "OpenContract": "stores",
    "PluginContract": "contract",
    "ProviderContract": "completing",
    "RetrieveContract": "retrieving",
    "SecureContract": "securing",
    "StoreContract": "stores",
    **dict.fromkeys(("FakeLLM", "Fault", "Limits", "Reply", "Usage", "obey"), "fake_llm"),
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'trainer.testing' has no attribute {name!r}")
    module = f"trainer.testing.{_WHERE[name]}"
    if name.endswith("Contract"):
        import pytest

        # So that assertions tell their values, with nothing to configure.
        pytest.register_assert_rewrite(*{"trainer.testing.contract", module} - sys.modules.keys())
    return getattr(import_module(module), name)
