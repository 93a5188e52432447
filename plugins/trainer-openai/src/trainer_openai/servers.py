"""The servers that have a name of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from trainer import CompletionRequest, plugin
from trainer.errors import UnknownModel
from trainer_openai.provider import CompatibleProvider, local

# OpenAI's API reference: `max_tokens` is "deprecated in favor of max_completion_tokens, and is not compatible with
# o-series models". Servers that only speak its protocol may know the old word alone.
OPENAI = re.compile(r"https://([\w-]+\.)?api\.openai\.com(/|$)")
REASONING = re.compile(r"(o\d|gpt-5)\b")


@plugin
class OpenAIProvider(CompatibleProvider):
    """OpenAI, or a server elsewhere that wants a key; the key is in `OPENAI_API_KEY` unless `api_key` is set."""

    provider: ClassVar[str] = "openai"
    variable: ClassVar[str] = "OPENAI_API_KEY"
    needs_key: ClassVar[bool] = True

    base_url: str = "https://api.openai.com/v1"

    def params(self, request: CompletionRequest) -> dict[str, Any]:
        """As they are, but `max_tokens` is called `max_completion_tokens` where OpenAI wants that."""
        params = dict(request.params)
        if "max_tokens" in params and (OPENAI.match(self.base_url) or REASONING.match(request.name)):
            params.setdefault("max_completion_tokens", params.pop("max_tokens"))
        return params


@plugin
class OllamaProvider(CompatibleProvider):
    """Ollama on this machine."""

    provider: ClassVar[str] = "ollama"
    variable: ClassVar[str] = "OLLAMA_API_KEY"
    advice: ClassVar[Mapping[type, str]] = {
        **local("Start it with `ollama serve`."),
        UnknownModel: "Get it with `ollama pull NAME`; `ollama list` says which are there.",
    }

    base_url: str = "http://127.0.0.1:11434/v1"


@plugin
class LMStudioProvider(CompatibleProvider):
    """LM Studio on this machine."""

    provider: ClassVar[str] = "lmstudio"
    variable: ClassVar[str] = "LM_API_TOKEN"
    advice: ClassVar[Mapping[type, str]] = local("Start it with `lms server start`.")

    base_url: str = "http://127.0.0.1:1234/v1"


@plugin
class LlamaCppProvider(CompatibleProvider):
    """The server of llama.cpp on this machine."""

    provider: ClassVar[str] = "llamacpp"
    variable: ClassVar[str] = "LLAMA_API_KEY"
    advice: ClassVar[Mapping[type, str]] = local("Start it with `llama-server -m MODEL.gguf`.")

    base_url: str = "http://127.0.0.1:8080/v1"


@plugin
class VLLMProvider(CompatibleProvider):
    """vLLM on this machine."""

    provider: ClassVar[str] = "vllm"
    variable: ClassVar[str] = "VLLM_API_KEY"
    advice: ClassVar[Mapping[type, str]] = local("Start it with `vllm serve MODEL`.")

    base_url: str = "http://127.0.0.1:8000/v1"
