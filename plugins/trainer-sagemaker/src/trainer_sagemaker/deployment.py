"""Putting models into service on SageMaker, and taking them out of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import field, frozen

from trainer.errors import CompletionError, ConfigError
from trainer.pace import Clock
from trainer_bedrock.aws import Account, guarded

progress = logging.getLogger("trainer.progress.sagemaker")
POLL = 15.0  # seconds between two looks; an endpoint takes minutes
WORKING = ("Creating", "Updating", "SystemUpdating", "RollingBack")


@frozen
class Plan:
    """What to put into service.

    `image` is the container's address in ECR, `role` the ARN of the role that SageMaker works as, `data` where in S3
    the model is (empty if the image fetches it), `environment` what the container is told. Instances cost money from
    the moment they start until the endpoint is deleted.
    """

    name: str
    image: str
    role: str
    data: str = ""
    instance_type: str = "ml.g5.xlarge"
    instances: int = 1
    environment: Mapping[str, str] = field(factory=dict, repr=False)


def deploy(client: Any, account: Account, plan: Plan) -> None:
    """Create model, endpoint configuration and endpoint, all by the plan's name; the endpoint then takes minutes.

    What was created is deleted if a later step is refused. Raises the kinds of `CompletionError`.
    """
    container: dict[str, Any] = {"Image": plan.image, "Environment": dict(plan.environment)}
    if plan.data:
        container["ModelDataUrl"] = plan.data
    variant = {
        "VariantName": "main",
        "ModelName": plan.name,
        "InstanceType": plan.instance_type,
        "InitialInstanceCount": plan.instances,
    }
    steps: list[tuple[str, Callable[[], Any]]] = [
        (
            "model",
            lambda: client.create_model(ModelName=plan.name, PrimaryContainer=container, ExecutionRoleArn=plan.role),
        ),
        (
            "endpoint configuration",
            lambda: client.create_endpoint_config(EndpointConfigName=plan.name, ProductionVariants=[variant]),
        ),
        ("endpoint", lambda: client.create_endpoint(EndpointName=plan.name, EndpointConfigName=plan.name)),
    ]
    made: list[str] = []
    for what, create in steps:
        progress.info("creating the %s %s", what, plan.name)
        try:
            guarded(create, f"the {what} {plan.name}", account)
        except CompletionError:
            _undo(client, plan.name, made)
            raise
        made.append(what)


def wait(describe: Callable[[], Mapping[str, Any]], name: str, seconds: float, clock: Clock = time) -> None:
    """Return when an endpoint is in service. Raises `ConfigError` if it fails, or is not within so many seconds."""
    start, last = clock.monotonic(), ""
    while True:
        answer = describe()
        status, spent = str(answer["EndpointStatus"]), clock.monotonic() - start
        if status != last:
            progress.info("endpoint %s: %s (%.0f s)", name, status, spent)
            last = status
        if status == "InService":
            return
        if status not in WORKING:
            raise ConfigError(
                f"the endpoint {name} is {status}: {answer.get('FailureReason') or 'no reason was given'}",
                "Look at its log in CloudWatch, then delete it.",
            )
        if spent + POLL > seconds:
            raise ConfigError(
                f"the endpoint {name} is still {status} after {spent:.0f} s",
                "It goes on, and costs money. Ask for its status later, or delete it.",
            )
        clock.sleep(POLL)


def remove(client: Any, account: Account, name: str) -> None:
    """Delete an endpoint with its configuration and the models of that. Raises the kinds of `CompletionError`."""
    what = f"the endpoint {name}"
    config = guarded(lambda: client.describe_endpoint(EndpointName=name), what, account)["EndpointConfigName"]
    found = guarded(lambda: client.describe_endpoint_config(EndpointConfigName=config), what, account)
    guarded(lambda: client.delete_endpoint(EndpointName=name), what, account)
    guarded(lambda: client.delete_endpoint_config(EndpointConfigName=config), what, account)
    for variant in found["ProductionVariants"]:
        if "ModelName" in variant:
            model = variant["ModelName"]
            guarded(partial(client.delete_model, ModelName=model), what, account)
    progress.info("deleted %s", what)


def _undo(client: Any, name: str, made: list[str]) -> None:
    """Delete what was made; what cannot be deleted costs nothing."""
    for what in reversed(made):
        try:
            if what == "model":
                client.delete_model(ModelName=name)
            else:
                client.delete_endpoint_config(EndpointConfigName=name)
        except Exception as error:  # the refusal that led here is what matters
            progress.info("the %s %s is left behind: %s", what, name, type(error).__name__)
