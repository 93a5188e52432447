"""EDGAR on this machine: a server with payloads of our own, and the recorded ones where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trainer.testing.replay import Answer, ReplayServer, SimulatedClock
from trainer_sec import SECFilingsRetriever

PAYLOADS = Path(__file__).parent / "payloads"
RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "payloads" / "sec"
WHERE = {
    "/files/company_tickers.json": "company_tickers.json",
    "/api/xbrl/companyfacts/CIK0000000042.json": "CIK0000000042.json",
    "/api/xbrl/companyfacts/CIK0000000043.json": "CIK0000000043.json",
    "/api/xbrl/companyconcept/CIK0000000042/us-gaap/Revenues.json": "concept-Revenues.json",
    "/api/xbrl/frames/us-gaap/Revenues/USD/CY2024.json": "frame-Revenues.json",
    "/submissions/CIK0000000042.json": "submissions-CIK0000000042.json",
    "/submissions/CIK0000000042-submissions-001.json": "submissions-CIK0000000042-001.json",
    "/Archives/edgar/data/42/000000004225000001/nwnd-20241231.htm": "nwnd-20241231.htm",
    "/Archives/edgar/data/42/000000004225000040/nwnd-20250601.htm": "nwnd-20250601.htm",
    "/Archives/edgar/data/42/000000004201500002/0000000042-01-500002.txt": "0000000042-01-500002.txt",
}
IDENTITY = "Jane Doe jane@example.org"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def edgar(clock: SimulatedClock) -> Iterator[ReplayServer]:
    """EDGAR as far as payloads of our own go; what it lacks it answers as EDGAR does."""
    with ReplayServer(clock=clock.monotonic) as server:
        for path, name in WHERE.items():
            server.replay(PAYLOADS / name, path)
        server.missing = Answer(
            (PAYLOADS / "errors/missing.xml").read_bytes(), 404, {"Content-Type": "application/xml"}
        )
        yield server


@pytest.fixture
def make(tmp_path: Path, clock: SimulatedClock) -> Callable[..., SECFilingsRetriever]:
    """Makes retrievers that ask a server instead of the SEC, in simulated time."""

    def make(server: ReplayServer, **settings: object) -> SECFilingsRetriever:
        given: dict[str, object] = {
            "user_agent": IDENTITY,
            "base_url": server.url,
            "archives_url": server.url,
            "search_url": server.url,
            "cache": tmp_path / "cache",
            "state": tmp_path / "state",
            "clock": clock,
        }
        return SECFilingsRetriever(**given | settings)  # type: ignore[arg-type]  # settings by name

    return make


@pytest.fixture
def retriever(edgar: ReplayServer, make: Callable[..., SECFilingsRetriever]) -> SECFilingsRetriever:
    return make(edgar)


@pytest.fixture
def recorded() -> Callable[[str], Path]:
    """A recorded payload by its name; without it the test is skipped."""

    def find(name: str) -> Path:
        path = RECORDED / name
        if not path.exists():
            pytest.skip("the recorded payloads of the SEC are not here (../shared/data/payloads/sec)")
        return path

    return find


@pytest.fixture
def payloads() -> Path:
    """The folder of payloads of our own."""
    return PAYLOADS
