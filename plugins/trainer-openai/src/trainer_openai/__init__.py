"""Models behind OpenAI's protocol, asked directly over HTTP."""

from __future__ import annotations

from trainer_openai.provider import CompatibleProvider
from trainer_openai.servers import LlamaCppProvider, LMStudioProvider, OllamaProvider, OpenAIProvider, VLLMProvider

__all__ = [
    "CompatibleProvider",
    "LMStudioProvider",
    "LlamaCppProvider",
    "OllamaProvider",
    "OpenAIProvider",
    "VLLMProvider",
]
