"""Models of many providers, asked through litellm, which is imported when the first is asked."""

from __future__ import annotations

from trainer_litellm.named import (
    AnthropicProvider,
    AWSBedrockProvider,
    AzureOpenAIProvider,
    CohereProvider,
    DeepSeekProvider,
    GeminiProvider,
    GoogleVertexProvider,
    GroqProvider,
    HuggingFaceProvider,
    MistralProvider,
    OllamaProvider,
    OpenAIProvider,
    OpenRouterProvider,
    create_provider,
)
from trainer_litellm.provider import LiteLLMProvider, LLMProvider

__all__ = [
    "AWSBedrockProvider",
    "AnthropicProvider",
    "AzureOpenAIProvider",
    "CohereProvider",
    "DeepSeekProvider",
    "GeminiProvider",
    "GoogleVertexProvider",
    "GroqProvider",
    "HuggingFaceProvider",
    "LLMProvider",
    "LiteLLMProvider",
    "MistralProvider",
    "OllamaProvider",
    "OpenAIProvider",
    "OpenRouterProvider",
    "create_provider",
]
