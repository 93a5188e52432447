"""One routed call of a verb, with thirty names loaded, beside a dictionary and beside pluggy alone."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterable
from functools import partial

import pluggy
from _bench import BIN, Bench, Target, loop, options, publish, version

from trainer import Pipeline, Query, RetrievalResult, hookimpl, hookspecs, plugin

NAMES = [f"toy{number}" for number in range(30)]
CALLS = 5000
ANSWER = RetrievalResult({}, "toy")


class Toy:
    """A source that does nothing, so that only the way to it is measured."""

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:  # noqa: ARG002  # the hook's own signature
        return ANSWER


@plugin
class Picky:
    """A source as it would be if every plugin were asked whether the name is its own."""

    name: str

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult | None:
        return ANSWER if query.source == self.name else None


class Interceptor:
    """An interceptor that does nothing."""

    @hookimpl(wrapper=True)
    def retrieve(self, query: Query) -> Generator[None, RetrievalResult, RetrievalResult]:  # noqa: ARG002  # as above
        return (yield)


def alone(plugins: Iterable[object]) -> Callable[..., object]:
    """The hook of a bare pluggy manager with these plugins."""
    manager = pluggy.PluginManager("trainer")
    manager.add_hookspecs(hookspecs)
    for one in plugins:
        manager.register(one)
    return manager.hook.retrieve


def ours(interceptors: int) -> Callable[[Query], object]:
    """`Pipeline.retrieve` with every name loaded."""
    plugins = {f"retrieve.{name}": Toy() for name in NAMES}
    order = [f"wrap{number}" for number in range(interceptors)]
    wrappers = {f"intercept.{name}": Interceptor() for name in order}
    pipeline = Pipeline({**plugins, **wrappers}, {"plugins": {"intercept": order}})
    for name in NAMES:
        pipeline.retrieve(Query(name))
    return pipeline.retrieve


def main() -> None:
    args = options(__doc__, rounds=25).parse_args()
    query = Query("toy7")
    # pluggy asks the last one registered first, so the one that answers is registered first: it is asked last.
    asked = [Picky(name) for name in sorted(NAMES, key=query.source.__ne__)]
    table = {name: Toy().retrieve for name in NAMES}
    calls: dict[str, Callable[[], object]] = {
        "dictionary": lambda: table[query.source](query=query),
        "pluggy, 1 plugin": partial(alone([Toy()]), query=query),
        "pluggy, 1 plugin, 3 wrappers": partial(alone([Toy(), *(Interceptor() for _ in range(3))]), query=query),
        "pluggy, 30 plugins, each asked": partial(alone(asked), query=query),
        "trainer, 30 names": partial(ours(0), query),
        "trainer, 30 names, 3 interceptors": partial(ours(3), query),
    }
    gc.disable()
    cases = {name: partial(loop, call, CALLS) for name, call in calls.items()}
    bench = Bench(cases, args.rounds)
    limit = Target("trainer with 3 interceptors, µs", bench.best("trainer, 30 names, 3 interceptors") * 1e6, 10)
    versions = f"{version(BIN, 'trainer-core')}, {version(BIN, 'pluggy')}"
    publish(args, "Dispatch: CPU time of one call", [bench.table("dictionary", "µs")], [limit], bench.noise, versions)


if __name__ == "__main__":
    main()
