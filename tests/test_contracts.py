"""Each contract passes the plugin that keeps it, and finds in a broken one the promise that it breaks, and no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from trainer.testing import PluginContract

from .conftest import ROOT
from .contracts.cases import BROKEN, CASES, called
from .contracts.single import BREAKERS, NODES, of

PROMISES = {called(broken): promises for cases in BROKEN.values() for broken, promises in cases.items()}
Failures = dict[str, dict[str, str]]


def run(folder: Path, *what: str) -> tuple[Failures, set[str]]:
    """What fails of the tests that are named, by the name of the plugin and of the test, and the plugins that were tested."""
    results = folder / "results.xml"
    words = ["-q", "-p", "no:cacheprovider", "--tb=short", f"--junitxml={results}", *what]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert results.exists(), done.stdout + done.stderr
    found: Failures = defaultdict(dict)
    seen = set()
    for case in ET.parse(results).iter("testcase"):
        name = case.attrib["classname"].rpartition(".Test")[2]
        seen.add(name)
        for fault in (*case.findall("failure"), *case.findall("error")):
            found[name][case.attrib["name"].partition("[")[0]] = f"{fault.attrib['message']}\n{fault.text}"
    return found, seen


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """All contracts but those of stores and providers in one run, as an author runs one."""
    found, seen = run(tmp_path_factory.mktemp("contracts"), "tests/contracts/cases.py")
    assert seen == set(PROMISES)
    return found


@pytest.fixture(scope="module")
def singles(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """For each promise of stores and providers, its test alone."""
    return run(tmp_path_factory.mktemp("single"), *NODES)[0]


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


@pytest.mark.parametrize(
    ("contract", "promise"), [(contract, promise) for contract, breakers in BREAKERS.items() for promise in breakers]
)
def test_a_store_or_a_provider_that_breaks_a_promise_fails_the_test_of_that_name(
    contract: type, promise: str, singles: Failures
) -> None:
    assert promise in singles[of(contract, promise).removeprefix("Test")]


@pytest.mark.parametrize("contract", BREAKERS, ids=lambda contract: contract.__name__)
def test_every_promise_of_stores_and_providers_has_one_that_breaks_it(contract: type) -> None:
    common = {name for name in dir(PluginContract) if name.startswith("test_")}
    assert {name for name in dir(contract) if name.startswith("test_")} - common == BREAKERS[contract].keys() - common


def test_every_entry_point_of_our_distributions_is_under_a_contract(tmp_path: Path) -> None:
    files = [str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/*/tests/test_*contract*.py")]
    words = ["-q", "-p", "no:cacheprovider", "-p", "tests.contracts.coverage", "--collect-only", *files]
    environment = {**os.environ, "TRAINER_UNCOVERED": str(tmp_path / "uncovered.json")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (tmp_path / "uncovered.json").exists(), done.stdout[-3000:] + done.stderr
    assert json.loads((tmp_path / "uncovered.json").read_text()) == [], "write tests/test_…_contract.py for these"


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
