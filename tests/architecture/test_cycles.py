"""No module imports itself over others, not even by an import inside a function."""

from collections.abc import Iterator, Mapping

import pytest

from tests.architecture.package import imported, imports, modules, refuse

Graph = Mapping[str, set[str]]


def graph() -> Graph:
    """Return which module names which in its imports; those for type checkers are left out.

    That ``import a.b`` runs ``a`` as well does not count: every room's facade imports its files.
    """
    known = {module.name for module in modules()}
    return {
        module.name: {
            target
            for each in imports(module)
            if not each.type_only and (target := imported(each.target, known)) is not None
        }
        for module in modules()
    }


def cycles(edges: Graph) -> Iterator[list[str]]:
    """Yield a cycle for every module at which a depth-first search closes one."""
    done: set[str] = set()

    def search(name: str, trail: list[str]) -> Iterator[list[str]]:
        if name in trail:
            yield [*trail[trail.index(name) :], name]
        elif name not in done:
            for target in sorted(edges.get(name, ())):
                yield from search(target, [*trail, name])
            done.add(name)

    for start in sorted(edges):
        yield from search(start, [])


def test_no_import_cycle() -> None:
    refuse(
        (" -> ".join(cycle) for cycle in cycles(graph())),
        "Import cycles, lazy imports included. Move what both sides need into a module of its own, "
        "or hand a callback in:",
    )


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param({"a": {"a"}}, id="self"),
        pytest.param({"a": {"b"}, "b": {"a"}}, id="pair"),
        pytest.param({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}, id="behind-a-tail"),
    ],
)
def test_a_cycle_is_seen(edges: Graph) -> None:
    assert list(cycles(edges))


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param({"a": {"b"}, "b": set()}, id="chain"),
        pytest.param({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, id="diamond"),
    ],
)
def test_no_cycle_is_seen_where_there_is_none(edges: Graph) -> None:
    assert not list(cycles(edges))
