"""Models on AWS SageMaker endpoints, through boto3, which is imported when the first is asked."""

from __future__ import annotations

from trainer_sagemaker.provider import AWSSageMakerProvider

__all__ = ["AWSSageMakerProvider"]
