"""Several processes at one SEC: they keep its limit together, and one that is killed stops nobody."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.testing.replay import Answer, Ban, ReplayServer

ASK = """
import sys
from trainer_sec import SECFilingsRetriever

url, folder, number, count = sys.argv[1:]
retriever = SECFilingsRetriever("Jane Doe jane@example.org", base_url=url, archives_url=url,
                                cache=f"{folder}/cache", state=f"{folder}/state", deadline=60.0)
print("ready", flush=True)
for item in range(int(count)):
    cik = int(number) * 1000 + item
    assert retriever.retrieve({"cik": cik, "view": "submissions"}).data["entity"] == "A Company"
"""
COMPANY = {
    "name": "A Company", "sic": "", "sicDescription": "", "stateOfIncorporation": "", "fiscalYearEnd": None, "tickers": [],
    "exchanges": [], "formerNames": [],
    "filings": {"files": [], "recent": {name: [] for name in (
        "accessionNumber", "form", "filingDate", "reportDate", "acceptanceDateTime", "items", "primaryDocument",
        "primaryDocDescription", "size")}},
}  # fmt: skip


def start(server: ReplayServer, folder: Path, number: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", ASK, server.url, str(folder), str(number), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def banning(payloads: Path) -> Ban:
    return Ban(Answer((payloads / "errors/threshold.html").read_bytes(), 403))


def test_eight_processes_are_never_banned(banning: Ban, tmp_path: Path) -> None:
    with ReplayServer(ban=banning) as server:
        server.missing = Answer(COMPANY)
        processes = [start(server, tmp_path, number, 8) for number in range(8)]
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert (process.returncode, errors) == (0, "")
        assert server.count() == 64
        assert banning.count == 0
        arrivals = [request.at for request in server.requests]
        assert arrivals[-1] - arrivals[0] < 64 / 8 * 3  # the limit is kept, and not by going slowly


def test_a_process_that_is_killed_lets_the_others_have_their_turns(banning: Ban, tmp_path: Path) -> None:
    with ReplayServer(ban=banning) as server:
        server.missing = Answer(COMPANY)
        for number in range(5):
            process = start(server, tmp_path, number, 500)
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.1 + number * 0.03)
            process.kill()
            process.communicate()
        seen = server.count()
        last = start(server, tmp_path, 9, 3)
        _, errors = last.communicate(timeout=60)
        assert (last.returncode, errors) == (0, "")
        assert server.count() == seen + 3
        assert banning.count == 0


def test_a_pause_holds_for_a_process_that_is_started_later(banning: Ban, tmp_path: Path) -> None:
    with ReplayServer(ban=banning) as server:
        server.missing = banning.answer
        first = start(server, tmp_path, 0, 1)
        assert "RateLimited: the SEC was asked too often" in first.communicate(timeout=60)[1]
        later = start(server, tmp_path, 1, 1)
        assert "RateLimited: no request may go to sec.gov for another" in later.communicate(timeout=60)[1]
        assert server.count() == 1
