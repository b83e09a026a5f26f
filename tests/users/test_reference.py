"""A user and what stands for it elsewhere hash equal."""

from crowsg.testing import ManualClock
from crowsg.users.reference import Address
from crowsg.users.user import User


def test_a_user_hashes_by_its_id() -> None:
    assert hash(User(7, ManualClock())) == hash(User(7, ManualClock())) == hash(7)


def test_users_are_equal_only_to_themselves() -> None:
    user, other = User(7, ManualClock()), User(7, ManualClock())

    assert user != other
    assert len({user, other, user}) == 2


def test_an_address_knows_the_life_of_the_node() -> None:
    assert Address(7, 1, "a@host", 3).home == ("a@host", 3)
