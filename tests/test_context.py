"""Which node a piece of code belongs to: inherited by all it spawns, never by anything else."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent
from typing import Any

import gevent
import pytest
from gevent.event import AsyncResult
from gevent.pool import Pool
from gevent.threadpool import ThreadPool

from crowsg import users
from crowsg.context import (
    Scope,
    adopt,
    bind,
    current_node,
    current_scope,
    current_user,
    node_context,
    scope_of,
)
from crowsg.errors import NoCurrentNode, NoCurrentUser
from crowsg.node import Node
from crowsg.testing import ManualClock
from tests.support.nodes import Bench, make_scenario


def node(name: str = "a@host") -> Node:
    return Node(name, clock=ManualClock(), environment={})


def where() -> str:
    """Return the name of the current node, "nowhere" outside all."""
    try:
        return current_node().name
    except NoCurrentNode:
        return "nowhere"


def in_the_hub(function: Callable[[], str]) -> str:
    """Return what ``function`` returns when the hub calls it."""
    answers: list[str] = []
    gevent.get_hub().loop.run_callback(lambda: answers.append(function()))
    gevent.sleep(0)
    return answers[0]


def by_a_timer(function: Callable[[], str]) -> str:
    """Return what ``function`` returns when a timer of the hub calls it."""
    answer: Any = AsyncResult()
    timer = gevent.get_hub().loop.timer(0.001)
    timer.start(lambda: answer.set(function()))
    try:
        return str(answer.get(timeout=5))
    finally:
        timer.close()


def patched_thread(function: Callable[[], str]) -> str:
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    thread.join()
    return answers[0]


def executor(function: Callable[[], str]) -> str:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


DESCENDANTS = [
    pytest.param(lambda f: f(), id="itself"),
    pytest.param(lambda f: gevent.spawn(f).get(), id="spawn"),
    pytest.param(lambda f: gevent.spawn(gevent.spawn(f).get).get(), id="spawn twice"),
    pytest.param(lambda f: gevent.spawn(lambda: gevent.spawn(f).get()).get(), id="grandchild"),
    pytest.param(lambda f: gevent.spawn_later(0, f).get(), id="spawn_later"),
    pytest.param(lambda f: Pool(2).spawn(f).get(), id="Pool.spawn"),
    pytest.param(lambda f: Pool(2).map(lambda _: f(), [0])[0], id="Pool.map"),
    pytest.param(lambda f: next(Pool(2).imap(lambda _: f(), [0])), id="Pool.imap"),
    pytest.param(patched_thread, id="patched thread"),
    pytest.param(executor, id="patched ThreadPoolExecutor"),
]


@pytest.fixture
def native() -> Iterator[Callable[[Callable[[], str]], str]]:
    """Returns a function that runs another in a native thread, the same one every time."""
    pool = ThreadPool(1)
    yield pool.apply
    pool.kill()


NativeRun = Callable[[Callable[[], str]], str]


def test_outside_every_node_there_is_none() -> None:
    with pytest.raises(NoCurrentNode, match=r"crowsg\.context\.bind") as caught:
        current_node()

    assert isinstance(caught.value, LookupError)
    assert caught.value.reason == "no_current_node"


@pytest.mark.parametrize("call", [current_scope, current_user, users.current])
def test_every_question_needs_a_node(call: Callable[[], object]) -> None:
    with pytest.raises(NoCurrentNode):
        call()


def test_a_node_is_no_user() -> None:
    with node_context(node()), pytest.raises(NoCurrentUser, match="outside a user"):
        current_user()


@pytest.mark.parametrize("run", DESCENDANTS)
def test_a_descendant_belongs_to_the_node(run: NativeRun) -> None:
    with node_context(node()):
        assert run(where) == "a@host"


@pytest.mark.parametrize("run", DESCENDANTS)
def test_outside_a_node_nothing_is_inherited(run: NativeRun) -> None:
    with node_context(node()):
        pass

    assert run(where) == "nowhere"


def test_a_descendant_keeps_its_node_when_the_block_is_left() -> None:
    with node_context(node()):
        child = gevent.spawn(where)

    assert child.get() == "a@host"


def test_a_greenlet_from_before_the_block_stays_outside() -> None:
    before = gevent.Greenlet(where)

    with node_context(node()):
        before.start()
        before.join()

    assert before.value == "nowhere"


def test_the_children_of_a_user_are_that_user(bench: Bench) -> None:
    seen: list[int] = []

    def start(user_id: int) -> None:
        gevent.spawn(lambda: seen.append(users.current().id)).join()

    bench.do(make_scenario(start), 2)

    assert sorted(seen) == [1, 2]


def test_blocks_inside_one_another_restore_what_was_before() -> None:
    with node_context(node("a@host")):
        with node_context(node("b@host")):
            inner = where()
        outer = where()

    assert (inner, outer, where()) == ("b@host", "a@host", "nowhere")


def test_an_exception_restores_what_was_before() -> None:
    with pytest.raises(ValueError, match="through"), node_context(node()):
        raise ValueError("through")

    assert where() == "nowhere"


def test_a_greenlet_gets_back_the_tree_it_had() -> None:
    def trees() -> list[object]:
        current = gevent.getcurrent()
        before = current.spawn_tree_locals
        with node_context(node()):
            pass
        return [before, current.spawn_tree_locals]

    before, after = gevent.spawn(trees).get()

    assert before is after


def test_two_nodes_run_side_by_side() -> None:
    def look_twice(own: Node) -> tuple[str, str]:
        with node_context(own):
            first = where()
            gevent.sleep(0)
            return first, where()

    greenlets = [gevent.spawn(look_twice, node(name)) for name in ("a@host", "b@host")]

    assert [greenlet.get() for greenlet in greenlets] == [("a@host",) * 2, ("b@host",) * 2]


def test_a_greenlet_can_be_adopted_before_it_starts() -> None:
    greenlet = gevent.Greenlet(lambda: gevent.spawn(where).get())
    adopt(greenlet, Scope(node()))
    greenlet.start()

    assert greenlet.get() == "a@host"
    assert scope_of(greenlet) is not None


@pytest.mark.parametrize("thing", [None, 17, object(), gevent.Greenlet(), gevent.getcurrent()])
def test_what_descends_from_no_node_has_no_scope(thing: object) -> None:
    assert scope_of(thing) is None


@pytest.mark.parametrize("run", [in_the_hub, by_a_timer])
def test_a_callback_of_the_hub_belongs_to_no_node(run: NativeRun) -> None:
    with node_context(node()):
        assert run(where) == "nowhere"


@pytest.mark.parametrize("run", [in_the_hub, by_a_timer])
def test_a_bound_callback_of_the_hub_belongs_to_the_node(run: NativeRun) -> None:
    with node_context(node()):
        bound = bind(where)

    assert run(bound) == "a@host"
    assert run(where) == "nowhere"


def test_what_a_bound_callback_spawns_belongs_to_the_node() -> None:
    spawned: list[Any] = []
    with node_context(node()):
        bound = bind(lambda: spawned.append(gevent.spawn(where)))

    gevent.get_hub().loop.run_callback(bound)
    gevent.sleep(0)

    assert spawned[0].get() == "a@host"


def test_a_native_thread_belongs_to_no_node(native: NativeRun) -> None:
    with node_context(node()):
        assert native(where) == "nowhere"


def test_a_bound_function_belongs_to_the_node_in_a_native_thread(native: NativeRun) -> None:
    with node_context(node()):
        bound = bind(where)

    assert native(bound) == "a@host"
    assert native(where) == "nowhere"


def test_a_hub_made_in_a_native_thread_belongs_to_no_node(native: NativeRun) -> None:
    with node_context(node("a@host")):
        first_to_need_a_hub = bind(lambda: gevent.sleep(0) or where())
    with node_context(node("b@host")):
        callback_of_b = bind(lambda: in_the_hub(where))

    assert native(first_to_need_a_hub) == "a@host"
    assert native(callback_of_b) == "nowhere"


def test_a_bound_function_takes_and_returns_what_it_did_before() -> None:
    with node_context(node()):
        bound = bind(lambda a, *, b: (a, b, where()))

    assert bound(1, b=2) == (1, 2, "a@host")


def test_a_bound_function_raises_what_it_did_before() -> None:
    def fail() -> None:
        raise ValueError("through")

    with node_context(node()):
        bound = bind(fail)

    with pytest.raises(ValueError, match="through"):
        bound()
    assert where() == "nowhere"


def test_a_bound_function_of_a_user_is_that_user(bench: Bench) -> None:
    bound: list[Callable[[], users.User]] = []
    bench.do(make_scenario(lambda user_id: bound.append(bind(users.current))), 1)

    assert bound[0]().id == 1


def test_nothing_can_be_bound_outside_a_node() -> None:
    with pytest.raises(NoCurrentNode):
        bind(where)


def in_a_fresh_process(code: str, **environment: str) -> str:
    """Return what ``code`` prints; the standard library is patched, the hub not yet made."""
    done = subprocess.run(
        [sys.executable, "-c", "from gevent import monkey; monkey.patch_all()\n" + dedent(code)],
        env={"PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.integration
def test_the_main_greenlet_has_no_attribute_left() -> None:
    code = """
    import gevent
    from crowsg.context import node_context
    from crowsg.node import Node
    main = gevent.getcurrent()
    had = hasattr(main, "spawn_tree_locals")
    with node_context(Node()):
        inside = hasattr(main, "spawn_tree_locals")
    print(had, inside, hasattr(main, "spawn_tree_locals"))
    """

    assert in_a_fresh_process(code) == "False True False"


@pytest.mark.integration
def test_a_hub_first_made_inside_a_node_leaks_it_to_no_other() -> None:
    code = """
    import gevent
    from gevent._hub_local import get_hub_if_exists
    from crowsg.context import node_context, scope_of
    from crowsg.node import Node
    a, b, seen = Node("a@host"), Node("b@host"), []

    def look():
        scope = scope_of(gevent.getcurrent())
        seen.append(scope.node.name if scope else "nowhere")

    def call_back():
        hub = gevent.get_hub()
        hub.loop.run_callback(look)
        timer = hub.loop.timer(0.001)
        timer.start(look)
        gevent.sleep(0.01)

    assert get_hub_if_exists() is None
    with node_context(a):
        gevent.sleep(0)
    with node_context(b):
        call_back()
    call_back()
    print(*seen)
    """

    assert in_a_fresh_process(code) == "nowhere nowhere nowhere nowhere"


@pytest.mark.integration
def test_without_the_greenlet_tree_a_node_does_not_start() -> None:
    code = """
    from crowsg.errors import NodeError
    from crowsg.node import Node
    try:
        Node().start()
    except NodeError as error:
        print("NodeError", error)
    """

    said = in_a_fresh_process(code, GEVENT_TRACK_GREENLET_TREE="0")

    assert said.startswith("NodeError GEVENT_TRACK_GREENLET_TREE is switched off")
