"""Which addresses are still to be dialled."""

import pytest

from crowsg.cluster.address_book import MAX_HEARSAY, MAX_TRIES, AddressBook
from crowsg.cluster.membership import Member
from crowsg.errors import Refused


def living(name: str, address: str) -> Member:
    return Member(name, 1, address, "up", "node", 0, 0)


@pytest.fixture
def book() -> AddressBook:
    book = AddressBook()
    book.name("a:1")
    return book


def test_what_was_named_is_dialled(book: AddressBook) -> None:
    assert book.begin([]) == ["a:1"]


def test_nothing_is_dialled_twice_at_once(book: AddressBook) -> None:
    book.begin([])

    assert book.begin([]) == []
    book.end("a:1")
    assert book.begin([]) == ["a:1"]


def test_who_is_known_at_an_address_needs_no_dialling(book: AddressBook) -> None:
    assert book.begin([living("x@h", "a:1")]) == []


def test_who_was_found_under_another_address_needs_no_dialling(book: AddressBook) -> None:
    book.found("a:1", "x@h")

    assert book.begin([living("x@h", "10.0.0.1:1")]) == []
    assert book.begin([]) == ["a:1"]


def test_the_own_address_is_not_dialled(book: AddressBook) -> None:
    book.is_own("a:1")

    assert book.begin([]) == []


def test_who_refused_for_good_is_not_dialled_again(book: AddressBook) -> None:
    assert book.refused("a:1", Refused("other_cluster", "no"))
    assert not book.refused("a:1", Refused("other_cluster", "no"))

    assert book.begin([]) == []


def test_tries_in_a_row_are_counted(book: AddressBook) -> None:
    assert [book.failed("a:1") for _ in range(3)] == [1, 2, 3]
    assert book.found("a:1", "x@h")
    assert not book.found("a:1", "x@h")
    assert book.failed("a:1") == 1


def test_what_was_named_is_never_given_up(book: AddressBook) -> None:
    for _ in range(3 * MAX_TRIES):
        book.failed("a:1")
    book.drop("a:1")

    assert book.begin([]) == ["a:1"]


def test_what_was_heard_of_is_given_up_in_the_end(book: AddressBook) -> None:
    book.hear_of(["b:1"])
    for _ in range(MAX_TRIES - 1):
        book.failed("b:1")
    assert book.begin([]) == ["a:1", "b:1"]
    for address in ("a:1", "b:1"):
        book.end(address)
    book.failed("b:1")

    assert book.begin([]) == ["a:1"]


def test_hearsay_has_an_end(book: AddressBook) -> None:
    book.hear_of(f"b:{number}" for number in range(10 * MAX_HEARSAY))

    assert len(book.begin([])) == MAX_HEARSAY + 1
