"""What is offered: read strictly, one digest for one content."""

from typing import Any

import pytest

from crowsg.code.manifest import (
    MAX_BUNDLE_BYTES,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_SOURCE_BYTES,
    Entry,
    Manifest,
)
from crowsg.errors import CodeRefused

HASH = "0" * 64


def sized(*files: tuple[str, int]) -> Manifest:
    """Return the manifest of files of these sizes."""
    return Manifest.of("chat", [Entry(path, size, HASH) for path, size in files])


def problems_of(manifest: Manifest) -> tuple[str, ...]:
    with pytest.raises(CodeRefused) as caught:
        manifest.check()
    return caught.value.problems


def test_the_digest_does_not_depend_on_the_order() -> None:
    files = [Entry.of("a.py", b"1"), Entry.of("b.py", b"2")]

    assert Manifest.of("chat", files) == Manifest.of("chat", files[::-1])


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([("a.py", b"2"), ("b.py", b"2")], id="content"),
        pytest.param([("c.py", b"1"), ("b.py", b"2")], id="path"),
        pytest.param([("a.py", b"1")], id="fewer"),
        pytest.param([("a.py", b"2"), ("b.py", b"1")], id="swapped"),
        pytest.param([("a.py", b"1\n"), ("b.py", b"2")], id="blank-line"),
    ],
)
def test_anything_else_has_another_digest(files: list[tuple[str, bytes]]) -> None:
    first = Manifest.of("chat", [Entry.of("a.py", b"1"), Entry.of("b.py", b"2")])

    assert Manifest.of("chat", [Entry.of(*file) for file in files]).digest != first.digest


def test_it_travels_as_plain_values() -> None:
    manifest = Manifest.of("chat", [Entry.of("chat.py", b"x = 1"), Entry.of("a/b", b"")])

    assert Manifest.from_plain(manifest.plain()) == manifest


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([("chat.py", MAX_SOURCE_BYTES)], id="source"),
        pytest.param([("data", MAX_FILE_BYTES)], id="data"),
        pytest.param([("a", MAX_FILE_BYTES), ("b", MAX_FILE_BYTES)], id="bundle"),
        pytest.param([(f"{n}.txt", 0) for n in range(MAX_FILES)], id="files"),
    ],
)
def test_the_limits_themselves_are_allowed(files: list[tuple[str, int]]) -> None:
    sized(*files).check()


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        pytest.param([("chat.py", MAX_SOURCE_BYTES + 1)], "larger than 1 MiB", id="source"),
        pytest.param([("data", MAX_FILE_BYTES + 1)], "larger than 32 MiB", id="data"),
        pytest.param(
            [("a", MAX_FILE_BYTES), ("b", MAX_FILE_BYTES), ("c", 1)],
            f"larger than {MAX_BUNDLE_BYTES >> 20} MiB",
            id="bundle",
        ),
        pytest.param([(f"{n}.txt", 0) for n in range(MAX_FILES + 1)], "more than 2000", id="files"),
        pytest.param([], "no files", id="empty"),
    ],
)
def test_what_exceeds_a_limit_is_refused(files: list[tuple[str, int]], problem: str) -> None:
    (found,) = problems_of(sized(*files))

    assert problem in found


def test_everything_wrong_is_named_at_once() -> None:
    manifest = Manifest("Chat", (Entry("os.py", MAX_SOURCE_BYTES + 1, HASH),), HASH)

    assert len(problems_of(manifest)) == 4


def test_of_very_many_problems_the_first_are_named() -> None:
    problems = problems_of(sized(*((f"../{n}", 0) for n in range(2000))))

    assert (len(problems), problems[-1]) == (21, "and 1980 more")


def test_a_wrong_digest_is_refused() -> None:
    (problem,) = problems_of(Manifest("chat", sized(("chat.py", 1)).entries, HASH))

    assert problem == "its digest is not 000000000000"


def test_files_that_are_not_in_order_are_refused() -> None:
    entries = sized(("a.py", 1), ("b.py", 1)).entries[::-1]

    assert "its files are not in order" in problems_of(Manifest("chat", entries, HASH))


def test_a_name_of_64_kB_is_cut_in_the_error() -> None:
    with pytest.raises(CodeRefused) as caught:
        Manifest.of("x" * 65_536, [Entry.of("chat.py", b"")]).check()

    assert len(str(caught.value)) < 300


def plain(**changed: Any) -> dict[str, Any]:
    return {"name": "chat", "digest": HASH, "files": [["chat.py", 1, HASH]], **changed}


@pytest.mark.parametrize(
    "offer",
    [
        pytest.param(None, id="nothing"),
        pytest.param([], id="list"),
        pytest.param({}, id="empty"),
        pytest.param(plain(name=7), id="name-is-a-number"),
        pytest.param(plain(name=b"chat"), id="name-is-bytes"),
        pytest.param(plain(digest="../x"), id="digest-is-a-path"),
        pytest.param(plain(digest="A" * 64), id="digest-in-capitals"),
        pytest.param(plain(digest=HASH + "\n"), id="digest-with-a-line-break"),
        pytest.param(plain(files="chat.py"), id="files-are-a-text"),
        pytest.param(plain(files={"chat.py": 1}), id="files-are-a-dictionary"),
        pytest.param(plain(files=[["chat.py", 1]]), id="short-file"),
        pytest.param(plain(files=[["chat.py", "1", HASH]]), id="size-is-a-text"),
        pytest.param(plain(files=[["chat.py", -1, HASH]]), id="size-below-0"),
        pytest.param(plain(files=[["chat.py", True, HASH]]), id="size-is-a-truth"),
        pytest.param(plain(files=[["chat.py", 1.0, HASH]]), id="size-is-a-float"),
        pytest.param(plain(files=[["chat.py", 1, "x"]]), id="hash-is-none"),
        pytest.param(plain(files=[[7, 1, HASH]]), id="path-is-a-number"),
        pytest.param(plain(files=[["a", 1, HASH]] * 2001), id="too-many-files"),
    ],
)
def test_what_is_no_offer_is_refused(offer: Any) -> None:
    with pytest.raises(CodeRefused):
        Manifest.from_plain(offer)
