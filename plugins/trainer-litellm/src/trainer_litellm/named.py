"""Providers by name: each is `LiteLLMProvider` with its prefix."""

from __future__ import annotations

from typing import Any

from trainer import plugin
from trainer_litellm.provider import LiteLLMProvider


@plugin
class OpenAIProvider(LiteLLMProvider):
    """OpenAI (`OPENAI_API_KEY`). `trainer-openai` asks it directly, without litellm."""

    provider: str = "openai"


@plugin
class AnthropicProvider(LiteLLMProvider):
    """Anthropic (`ANTHROPIC_API_KEY`)."""

    provider: str = "anthropic"


@plugin
class OllamaProvider(LiteLLMProvider):
    """Ollama's own protocol, on this machine unless `api_base` says otherwise; needs no key."""

    provider: str = "ollama_chat"


@plugin
class AWSBedrockProvider(LiteLLMProvider):
    """AWS Bedrock, with the credentials of boto3. `trainer-bedrock` asks it directly."""

    provider: str = "bedrock"


@plugin
class GoogleVertexProvider(LiteLLMProvider):
    """Google Vertex AI, with `vertex_project` and `vertex_location` in `params`, and its default credentials."""

    provider: str = "vertex_ai"


@plugin
class AzureOpenAIProvider(LiteLLMProvider):
    """Azure OpenAI (`AZURE_API_KEY`, `AZURE_API_BASE`, `AZURE_API_VERSION`); a model is the name of a deployment."""

    provider: str = "azure"


@plugin
class HuggingFaceProvider(LiteLLMProvider):
    """Hugging Face's inference providers (`HF_TOKEN`), or with `api_base` an endpoint of one's own."""

    provider: str = "huggingface"


@plugin
class GeminiProvider(LiteLLMProvider):
    """Google AI Studio (`GEMINI_API_KEY`)."""

    provider: str = "gemini"


@plugin
class CohereProvider(LiteLLMProvider):
    """Cohere (`COHERE_API_KEY`)."""

    provider: str = "cohere"


@plugin
class MistralProvider(LiteLLMProvider):
    """Mistral (`MISTRAL_API_KEY`)."""

    provider: str = "mistral"


@plugin
class GroqProvider(LiteLLMProvider):
    """Groq (`GROQ_API_KEY`)."""

    provider: str = "groq"


@plugin
class DeepSeekProvider(LiteLLMProvider):
    """DeepSeek (`DEEPSEEK_API_KEY`)."""

    provider: str = "deepseek"


@plugin
class OpenRouterProvider(LiteLLMProvider):
    """OpenRouter (`OPENROUTER_API_KEY`)."""

    provider: str = "openrouter"


NAMES: dict[str, type[LiteLLMProvider]] = {
    "anthropic": AnthropicProvider,
    "azure": AzureOpenAIProvider,
    "bedrock": AWSBedrockProvider,
    "cohere": CohereProvider,
    "deepseek": DeepSeekProvider,
    "gemini": GeminiProvider,
    "groq": GroqProvider,
    "huggingface": HuggingFaceProvider,
    "mistral": MistralProvider,
    "ollama": OllamaProvider,
    "openai": OpenAIProvider,
    "openrouter": OpenRouterProvider,
    "vertex_ai": GoogleVertexProvider,
}


def create_provider(name: str, **settings: Any) -> LiteLLMProvider:
    """The provider of that name with those settings; for a name that has no class here, one with it as the prefix."""
    return NAMES[name](**settings) if name in NAMES else LiteLLMProvider(provider=name, **settings)
