"""Each contract passes the plugin that keeps it, and finds in a broken one the promise that it breaks, and no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from .conftest import ROOT
from .contracts.cases import BROKEN, CASES, called

PROMISES = {called(broken): promises for cases in BROKEN.values() for broken, promises in cases.items()}
Failures = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """What fails, by the name of the plugin and of the test: all contracts in one run, as an author runs one."""
    results = tmp_path_factory.mktemp("contracts") / "results.xml"
    words = ["-q", "-p", "no:cacheprovider", "--tb=short", f"--junitxml={results}", "tests/contracts/cases.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert results.exists(), done.stdout + done.stderr
    found: Failures = {name: {} for name in PROMISES}
    seen = set()
    for case in ET.parse(results).iter("testcase"):
        name = case.attrib["classname"].rpartition(".Test")[2]
        seen.add(name)
        for fault in (*case.findall("failure"), *case.findall("error")):
            found[name][case.attrib["name"].partition("[")[0]] = f"{fault.attrib['message']}\n{fault.text}"
    assert seen == set(PROMISES), done.stdout[-3000:]
    return found


@pytest.mark.parametrize("name", PROMISES)
def test_a_contract_finds_the_promise_that_is_broken_and_no_other(name: str, failures: Failures) -> None:
    assert {test: told[:2000] for test, told in failures[name].items() if test not in PROMISES[name]} == {}
    for test, words in PROMISES[name].items():
        assert words in failures[name].get(test, "nothing failed")


@pytest.mark.parametrize("contract", BROKEN, ids=lambda contract: contract.__name__)
def test_every_promise_of_a_contract_has_a_plugin_that_breaks_it(contract: type) -> None:
    common = {name for name in dir(next(iter(BROKEN))) if name.startswith("test_")}
    broken = {test for name, (other, _) in CASES.items() if other is contract for test in PROMISES[name]}
    every = {test for name in PROMISES for test in PROMISES[name]}
    promised = {name for name in dir(contract) if name.startswith("test_")}
    assert promised - broken <= common & every


def test_a_contract_needs_no_configuration(tmp_path: Path) -> None:
    """Its assertions tell their values also where no pytest was told to rewrite them."""
    (tmp_path / "test_it.py").write_text(
        "from trainer.testing import RetrieveContract\n\n"
        "class TestIt(RetrieveContract):\n"
        "    plugin = type('P', (), {})\n"
        "    queries = ()\n    refused = ()\n"
    )
    words = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path), "-k", "different"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "test_it.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert "give at least two queries" in done.stdout
    assert "assert 0 > 1" in done.stdout
