"""Endpoints come into service and go out of it, on moto's server in the place of AWS."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from trainer.errors import CompletionError, ConfigError, UnknownModel
from trainer_sagemaker import AWSSageMakerProvider
from trainer_sagemaker.deployment import POLL, wait

server = pytest.importorskip("moto.server", reason="moto is not installed")

ROLE = "arn:aws:iam::123456789012:role/trainer"
SMALL = "ml.m5.large"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tgi:3"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def plugin(address: str) -> Iterator[AWSSageMakerProvider]:
    plugin = AWSSageMakerProvider(
        region="us-east-1", access_key="AKIA0123456789", secret_key="secret-0123456789", control_endpoint=address
    )
    yield plugin
    for one in plugin.list_models():
        plugin.delete_endpoint(one.name)
    plugin.close()


def resources(plugin: AWSSageMakerProvider) -> list[int]:
    client = plugin._control.get("sagemaker", 30.0)
    return [
        len(client.list_models()["Models"]),
        len(client.list_endpoint_configs()["EndpointConfigs"]),
        len(client.list_endpoints()["Endpoints"]),
    ]


def test_a_model_comes_into_service_and_goes_out_of_it(
    plugin: AWSSageMakerProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trainer.progress")
    name = plugin.deploy_model(
        "mistralai/Mistral-7B-Instruct-v0.3",
        image=IMAGE,
        role=ROLE,
        instance_type=SMALL,
        environment={"HF_TOKEN": "hf_x1"},
    )
    assert name == "Mistral-7B-Instruct-v0-3"
    assert plugin.endpoint_status(name) == "InService"
    assert [one.name for one in plugin.list_models()] == [name]
    assert [
        record.getMessage().partition(" (")[0] for record in caplog.records if record.name.startswith("trainer")
    ] == [
        f"creating the model {name}",
        f"creating the endpoint configuration {name}",
        f"creating the endpoint {name}",
        f"endpoint {name}: InService",
    ]
    client = plugin._control.get("sagemaker", 30.0)
    container = client.describe_model(ModelName=name)["PrimaryContainer"]
    assert container["Environment"] == {"HF_MODEL_ID": "mistralai/Mistral-7B-Instruct-v0.3", "HF_TOKEN": "hf_x1"}
    assert resources(plugin) == [1, 1, 1]
    plugin.delete_endpoint(name)
    assert resources(plugin) == [0, 0, 0]


def test_a_model_in_s3_is_named_by_its_address(plugin: AWSSageMakerProvider) -> None:
    name = plugin.deploy_model("s3://bucket/reports.tar.gz", image=IMAGE, role=ROLE, instance_type=SMALL, wait=0)
    assert name == "reports"
    client = plugin._control.get("sagemaker", 30.0)
    assert client.describe_model(ModelName=name)["PrimaryContainer"]["ModelDataUrl"] == "s3://bucket/reports.tar.gz"
    variant = client.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"][0]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == (SMALL, 1)


def test_what_a_refused_deployment_has_made_is_deleted(plugin: AWSSageMakerProvider) -> None:
    with pytest.raises(CompletionError, match="a-supercomputer"):
        plugin.deploy_model("s3://bucket/other.tar.gz", image=IMAGE, role=ROLE, instance_type="a-supercomputer")
    assert resources(plugin) == [0, 0, 0]


def test_an_endpoint_that_is_not_there_is_told(plugin: AWSSageMakerProvider) -> None:
    for ask in (plugin.endpoint_status, plugin.delete_endpoint):
        with pytest.raises(UnknownModel, match="nowhere"):
            ask("nowhere")


class Clock:
    """A clock that is moved on by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


def described(*states: str, **more: Any) -> Any:
    told = iter(states)
    return lambda: {"EndpointStatus": next(told), **more}


def test_waiting_ends_with_the_service() -> None:
    clock = Clock()
    wait(described("Creating", "Creating", "InService"), "mine", 3600, clock)
    assert clock.now == 2 * POLL


def test_an_endpoint_that_fails_says_why() -> None:
    with pytest.raises(ConfigError, match="mine is Failed: no capacity"):
        wait(described("Creating", "Failed", FailureReason="no capacity"), "mine", 3600, Clock())


def test_waiting_has_an_end() -> None:
    clock = Clock()
    with pytest.raises(ConfigError, match="still Creating") as caught:
        wait(lambda: {"EndpointStatus": "Creating"}, "mine", 60, clock)
    assert "costs money" in caught.value.remedy
    assert clock.now <= 60
