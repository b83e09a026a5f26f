import pytest

from crowsg.cluster.identity import checked_name, complete, is_name, new_incarnation
from crowsg.errors import NodeError


@pytest.mark.parametrize(
    "name", ["a@b", "worker-1@host.example.org", "W_1@10.0.0.1", "a" * 99 + "@" + "b" * 100]
)
def test_a_name_at_a_host_is_a_name(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    ("name", "expected"), [("worker", "worker@here"), ("worker@there", "worker@there")]
)
def test_the_host_is_added_where_there_is_none(name: str, expected: str) -> None:
    assert complete(name, "here") == expected


def test_each_process_start_has_another_incarnation() -> None:
    lives = {new_incarnation() for _ in range(1000)}

    assert len(lives) == 1000
    assert all(0 < life < 1 << 63 for life in lives)


SAD_NAMES = {
    "empty": "",
    "no-host": "worker",
    "no-name": "@host",
    "two-hosts": "a@b@c",
    "space": "a b@c",
    "line-break": "a@b\n",
    "control": "a\x1b[2J@b",
    "look-alike": "w\u043erker@host",
    "slash": "../a@b",
    "too-long": "a" * 200 + "@b",
}


@pytest.mark.parametrize("name", SAD_NAMES.values(), ids=SAD_NAMES)
def test_nonsense_is_no_name(name: str) -> None:
    with pytest.raises(NodeError, match="name@host"):
        checked_name(name)


@pytest.mark.parametrize("value", [None, 1, b"a@b", ["a@b"]])
def test_what_is_no_text_is_no_name(value: object) -> None:
    assert not is_name(value)


def test_a_host_that_is_none_makes_no_name() -> None:
    with pytest.raises(NodeError):
        complete("worker", "no host")
