"""Uses the frozen runs, or imports modules, as if packages were not installed.

    PYTHONPATH=tests python -m frozen.without torch,pandas calls labels-texts labels-tags
    PYTHONPATH=tests python -m frozen.without torch imports recurra.bundle recurra.native

Prints JSON: one call of each kind, as "fixture: call", or each module, with what came of it: null
if all went well, else `reached`, which of the packages it fell over, and `error`.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, final

from frozen.calls import CALLS, RUN, answer, verb_of


@final
class Hiding:
    """A finder that does not find some packages, as where they are not installed."""

    def __init__(self, finder: Any, packages: frozenset[str]) -> None:
        self._finder, self._packages = finder, packages

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)

    def find_spec(self, name: str, *rest: Any) -> Any:
        """None for what is hidden."""
        if name.partition(".")[0] in self._packages:
            return None
        return self._finder.find_spec(name, *rest)


def hide(packages: frozenset[str]) -> None:
    """Make packages unimportable, in this process and from now on."""
    loaded = packages & sys.modules.keys()
    assert not loaded, f"loaded already: {loaded}"
    sys.meta_path[:] = [Hiding(each, packages) for each in sys.meta_path]


def came_of(work: Callable[[], object], packages: frozenset[str]) -> dict[str, Any] | None:
    """What came of some work: None if all went well."""
    try:
        work()
    except Exception as error:
        reached = {(each.name or "").partition(".")[0] for each in _missing(error)} & packages
        return {"reached": sorted(reached), "error": f"{type(error).__name__}: {error}"}
    return None


def _missing(error: BaseException | None) -> Iterator[ModuleNotFoundError]:
    """Modules that were not found, among the causes of an error."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            yield error
        error = error.__cause__ or error.__context__


def ways(fixture: str) -> list[str]:
    """Of all that a fixture is asked one call each of a kind: a verb, from Python or as a command.

    Commands differ in their options, --json left out, and in whether they are given other data.
    """
    found: dict[object, str] = {}
    for call in CALLS[fixture]:
        words = call.split()
        options = frozenset(each for each in words if each.startswith("--")) - {"--json"}
        is_command = RUN in words
        more = is_command and len(words) > 2 and not words[2].startswith("--")
        found.setdefault((verb_of(call), is_command, more, options), call)
    return list(found.values())


def main(hidden: str, what: str, *names: str) -> None:
    """Call what fixtures are asked in each way, or import modules; print what came of each."""
    packages = frozenset(hidden.split(","))
    hide(packages)
    if what == "imports":
        found = {
            name: came_of(lambda name=name: importlib.import_module(name), packages)  # type: ignore[misc]
            for name in names
        }
    else:
        found = {
            f"{fixture}: {call}": came_of(
                lambda fixture=fixture, call=call: answer(fixture, call),  # type: ignore[misc]
                packages,
            )
            for fixture in names
            for call in ways(fixture)
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
