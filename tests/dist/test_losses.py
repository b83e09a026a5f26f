"""What follows from the loss of workers."""

import pytest

from crowsg.dist.losses import POLICIES, Loss, Losses, Policy

RUN = "run-1"
ONE = Loss("one@here", 40, 30)
TWO = Loss("two@here", 12, 12)


def losses(policy: Policy, *lost: Loss) -> Losses:
    made = Losses()
    made.begin(RUN, policy)
    for each in lost:
        made.note(each)
    return made


def test_the_policies_are_those_of_the_command_line() -> None:
    assert POLICIES == ("keep", "refill", "abort")


def test_a_loss_says_who_and_how_many() -> None:
    assert str(ONE) == "one@here was lost with 40 users"


@pytest.mark.parametrize("policy", POLICIES)
def test_every_loss_is_kept(policy: Policy) -> None:
    assert losses(policy, ONE, TWO).all == (ONE, TWO)


@pytest.mark.parametrize(("policy", "owed"), [("keep", 0), ("refill", 42), ("abort", 0)])
def test_only_who_refills_owes_users(policy: Policy, owed: int) -> None:
    assert losses(policy, ONE, TWO).owed == owed


def test_what_was_started_anew_is_owed_no_more() -> None:
    lost = losses("refill", ONE)

    lost.settle(RUN, 20)

    assert lost.owed == 10


def test_what_was_started_in_a_run_that_is_over_settles_nothing() -> None:
    lost = losses("refill", ONE)
    lost.begin("run-2", "refill")

    lost.settle(RUN, 30)

    assert lost.owed == 0


@pytest.mark.parametrize(
    ("policy", "workers", "awaited", "why"),
    [
        pytest.param("keep", ["two@here"], False, "", id="keep"),
        pytest.param("keep", [], False, "no worker is left", id="keep, none left"),
        pytest.param("keep", [], True, "no worker is left", id="keep, one comes without users"),
        pytest.param("refill", ["two@here"], False, "", id="refill"),
        pytest.param("refill", [], False, "no worker is left", id="refill, none left"),
        pytest.param("refill", [], True, "", id="refill, one is on its way"),
        pytest.param("abort", ["two@here"], False, str(ONE), id="abort"),
        pytest.param("abort", [], False, str(ONE), id="abort, none left"),
    ],
)
def test_a_run_ends_when_it_must(
    policy: Policy, workers: list[str], awaited: bool, why: str
) -> None:
    lost = losses(policy, ONE)
    if awaited:
        lost.await_worker("one@here")

    assert lost.ends(workers) == why


def test_who_never_comes_is_not_awaited_for_ever() -> None:
    lost = losses("refill", ONE)
    lost.await_worker("one@here")

    lost.await_no_more("one@here")

    assert lost.ends([]) == "no worker is left"


def test_a_run_without_a_loss_is_not_aborted() -> None:
    assert losses("abort").ends(["one@here"]) == ""


def test_the_next_run_begins_with_nothing() -> None:
    lost = losses("refill", ONE)
    lost.await_worker("one@here")

    lost.begin("run-2", "refill")

    assert (lost.all, lost.owed, lost.ends([])) == ((), 0, "no worker is left")
