"""Models of AWS Bedrock, asked directly through boto3, which is imported when the first is asked."""

from __future__ import annotations

from trainer_bedrock.provider import AWSBedrockProvider

__all__ = ["AWSBedrockProvider"]
