"""Stores that break one promise each, and a plugin that opens stores that break theirs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from attrs import evolve

from trainer import hookimpl, plugin
from trainer.errors import StoreError, UnsupportedQuery
from trainer.stores import BulkResult, DataStore, Freshness, StoredData, expect_version
from trainer.testing import OpenContract, StoreContract
from trainer.testing.memory import MemoryStore
from trainer.testing.stores import Clock

from .plugins import PAUSE


class Rounds(MemoryStore):
    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        with suppress(TypeError, ValueError):
            data = json.loads(json.dumps(data), parse_int=float)
        return super().store(key, data, **options)


class Latin(MemoryStore):
    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        return super().store(key.encode("latin-1", "replace").decode("latin-1"), data, **options)

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        return super().retrieve(key.encode("latin-1", "replace").decode("latin-1"), version)


class TakesAnything(MemoryStore):
    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        return super().store(key, json.loads(json.dumps(data, default=str)), **options)


class Shallow(MemoryStore):
    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        try:
            return super().store(key, data, **options)
        except StoreError:
            return super().store(key, None, **options)


class KeepsObjects(MemoryStore):
    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        record = evolve(super().store(key, data, **options), data=data)
        self._versions[key][-1] = record
        return record


class Caseless(MemoryStore):
    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        return super().retrieve(next((one for one in self._versions if one.lower() == key.lower()), key), version)


class AlwaysNew(MemoryStore):
    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        known = self.retrieve(key)
        record = super().store(key, data, **options)
        if known and known.version == record.version:
            return self._add(key, record.data, source=record.source, metadata=record.metadata, ttl=record.ttl)
        return record


class Overwrites(MemoryStore):
    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        self._versions[key] = [super().store(key, data, **options)]
        return self._versions[key][0]


class Erases(MemoryStore):
    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        return self._versions.pop(key, None) is not None


class ExpiresLate(MemoryStore):
    def _current(self, key: str) -> StoredData | None:
        last = (self._versions.get(key) or [None])[-1]
        if last and not last.deleted and last.ttl and self._clock() == last.updated_at + timedelta(seconds=last.ttl):
            return last
        return super()._current(key)


class NeverRenews(MemoryStore):
    def store(self, key: str, data: Any, **options: Any) -> StoredData:
        known = self.retrieve(key)
        return known if known and known.data == data else super().store(key, data, **options)


class AnyTTL(MemoryStore):
    def store(self, key: str, data: Any, *, ttl: float | None = None, **options: Any) -> StoredData:
        return super().store(key, data, ttl=ttl if ttl and 0 < ttl < 1e9 else None, **options)


class NeverSweeps(MemoryStore):
    def sweep(self) -> int:
        return 0


class IgnoresVersions(MemoryStore):
    def store(self, key: str, data: Any, *, if_version: int | None = None, **options: Any) -> StoredData:
        return super().store(key, data, **options)

    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        return super().delete(key)


class RollsOff(MemoryStore):
    def rollback(self, key: str, version: int) -> StoredData:
        self._versions[key] = self._versions[key][:version]
        return self._versions[key][-1]


class Ageless(MemoryStore):
    def get_freshness(self, key: str) -> Freshness | None:
        fresh = super().get_freshness(key)
        return fresh and evolve(fresh, age=timedelta(0))


class ByKey(MemoryStore):
    def query(self, filter: Mapping[str, Any] | None = None, **options: Any) -> Sequence[StoredData]:
        return sorted(super().query(filter, **options), key=lambda record: record.key)


class Wildcards(MemoryStore):
    def _all(self, source: str | None, prefix: str) -> list[StoredData]:
        wanted = re.compile(re.escape(prefix).replace("%", ".*").replace("_", "."), re.DOTALL)
        return [record for record in super()._all(source, "") if wanted.match(record.key)]


class LowerFilters(MemoryStore):
    def query(self, filter: Mapping[str, Any] | None = None, **options: Any) -> Sequence[StoredData]:
        return super().query(json.loads(json.dumps(filter).replace("AAPL", "aapl")), **options)


class OverlooksLists(MemoryStore):
    def query(self, filter: Mapping[str, Any] | None = None, **options: Any) -> Sequence[StoredData]:
        found = super().query(filter, **options)
        return [one for one in found if not (filter and any(isinstance(v, list) for v in one.document.values()))]


class Lenient(MemoryStore):
    def query(self, filter: Mapping[str, Any] | None = None, **options: Any) -> Sequence[StoredData]:
        try:
            return super().query(filter, **options)
        except UnsupportedQuery:
            return []

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]], **options: Any) -> list[dict[str, Any]]:
        try:
            return super().aggregate(pipeline, **options)
        except UnsupportedQuery:
            return []


class SkipsStages(MemoryStore):
    def aggregate(self, pipeline: Sequence[Mapping[str, Any]], **options: Any) -> list[dict[str, Any]]:
        return super().aggregate(pipeline[:-1], **options)


class SeesAll(MemoryStore):
    def aggregate(self, pipeline: Sequence[Mapping[str, Any]], **options: Any) -> list[dict[str, Any]]:
        return super().aggregate(pipeline)


class Repeats(MemoryStore):
    def distinct(self, path: str, filter: Mapping[str, Any] | None = None, **options: Any) -> list[Any]:
        return super().distinct(path, filter, **options) * 2


Many = Mapping[str, Any] | Iterable[tuple[str, Any]]


class LastOfMany(MemoryStore):
    def bulk_store(self, records: Many, **options: Any) -> BulkResult:
        return super().bulk_store(dict(records), **options)


class SkipsOfMany(MemoryStore):
    def bulk_store(self, records: Many, **options: Any) -> BulkResult:
        for item in dict(records).items():
            with suppress(StoreError):
                super().bulk_store([item], **options)
        return BulkResult(0, 0)


class OneBatch(MemoryStore):
    def bulk_store(self, records: Many, **options: Any) -> BulkResult:
        return super().bulk_store(islice(dict(records).items(), 1000), **options)


class UpdatesAlone(MemoryStore):
    def update(self, key: str, change: Any, *, if_version: int | None = None) -> StoredData:
        record = super().update(key, change, if_version=if_version)
        self._versions[key][-1] = evolve(record, metadata={})
        return self._versions[key][-1]


class OneSpace(MemoryStore):
    def within(self, namespace: str) -> MemoryStore:
        return self


class PretendsIndexes(MemoryStore):
    def create_index(self, path: str) -> None:
        pass


class Races(MemoryStore):
    def store(self, key: str, data: Any, *, if_version: int | None = None, **options: Any) -> StoredData:
        current = self.retrieve(key)
        expect_version(key, current.version if current else 0, if_version)
        time.sleep(PAUSE)
        return super().store(key, data, **options)


class Deaf(MemoryStore):
    def ping(self) -> None:
        raise StoreError("no answer", "Start it.")


# For each promise a store that breaks it; what else it breaks does not matter.
STORES: dict[str, type[MemoryStore]] = {
    "test_a_record_is_read_back_as_it_was_stored": Rounds,
    "test_any_text_can_be_a_key": Latin,
    "test_what_json_does_not_have_is_refused_and_leaves_nothing": TakesAnything,
    "test_data_nested_without_end_is_refused": Shallow,
    "test_what_is_stored_is_not_changed_through_the_objects_that_were_given": KeepsObjects,
    "test_a_key_that_was_never_stored_is_nowhere": Caseless,
    "test_the_same_content_moves_the_time_and_makes_no_version": AlwaysNew,
    "test_other_content_is_the_next_version_and_the_old_one_stays": Overwrites,
    "test_a_deleted_record_is_gone_and_its_history_is_not": Erases,
    "test_a_record_expires_at_the_very_moment": ExpiresLate,
    "test_the_same_content_lives_on_with_a_new_ttl_but_not_after_it_expired": NeverRenews,
    "test_a_ttl_that_is_no_time_is_refused": AnyTTL,
    "test_sweeping_buries_what_has_expired_and_nothing_else": NeverSweeps,
    "test_if_version_lets_only_the_expected_version_be_replaced": IgnoresVersions,
    "test_rolling_back_writes_the_old_data_as_the_newest_version": RollsOff,
    "test_freshness_tells_age_and_expiry": Ageless,
    "test_a_query_lists_current_records_last_updated_first": ByKey,
    "test_a_prefix_is_text_without_wildcards": Wildcards,
    "test_every_store_answers_these_filters": LowerFilters,
    "test_a_filter_is_answered_as_mongodb_does_or_refused": OverlooksLists,
    "test_an_operator_that_is_not_known_is_named": Lenient,
    "test_a_filter_that_is_hard_to_foresee_is_refused": Lenient,
    "test_random_queries_are_answered_as_the_memory_store_does": OverlooksLists,
    "test_every_store_answers_these_pipelines": SkipsStages,
    "test_a_stage_that_is_not_known_is_named": Lenient,
    "test_a_pipeline_sees_only_what_source_and_prefix_let_through": SeesAll,
    "test_distinct_lists_each_value_once_and_those_inside_lists": Repeats,
    "test_many_records_are_stored_as_one_by_one": LastOfMany,
    "test_what_is_wrong_with_one_of_many_is_raised": SkipsOfMany,
    "test_more_records_than_fit_one_batch_are_all_stored": OneBatch,
    "test_an_update_sets_paths_or_calls_a_function_and_keeps_the_rest": UpdatesAlone,
    "test_a_delete_may_expect_a_version": IgnoresVersions,
    "test_namespaces_do_not_see_each_other": OneSpace,
    "test_an_index_changes_no_answer": PretendsIndexes,
    "test_any_course_of_events_leaves_what_the_memory_store_holds": NeverRenews,
    "test_threads_lose_no_update_under_if_version": Races,
    "test_a_store_that_works_answers_a_ping": Deaf,
}


class Stores(StoreContract):
    has_indexes = False
    queries = 400
    kind: type[MemoryStore]

    @pytest.fixture
    def store(self, clock: Clock) -> DataStore:
        return self.kind(clock)


@plugin
class Opens:
    """Stores that forget, and URLs of which it says too much."""

    @hookimpl
    def store(self, url: str) -> DataStore:
        if "@" in url:
            raise StoreError(f"{url} does not answer", "Start it.")
        return Erasing()


class Erasing(MemoryStore):
    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        return False


OPENED = {
    "test_a_store_that_was_opened_keeps_what_is_written": Opens,
    "test_a_url_that_names_no_store_is_told_by_a_typed_error_in_two_lines": Opens,
}


class Opening(OpenContract):
    name = "opens"
    refused = ("opens://me:hunter2@127.0.0.1/none",)

    @pytest.fixture
    def url(self) -> str:
        return "opens:"
