"""Who is in the cluster: moments and messages in, changes out."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from crowsg.clock import SECOND
from crowsg.cluster.alive import Alive, Condition
from crowsg.cluster.identity import PROTOCOL, Identity
from crowsg.cluster.membership import (
    CLOCK_DRIFT,
    DEAD_S,
    FENCE_S,
    SUSPECT_S,
    Change,
    Hello,
    Member,
    Membership,
)
from crowsg.errors import Refused

OWN = Identity("me@here", 1, "test", "here:9400")


def hello(
    name: str = "a@x",
    life: int = 5,
    address: str = "",
    cluster: str = "test",
    version: int = PROTOCOL,
    stamp_ns: int = 0,
) -> Hello:
    at = address or f"{name.partition('@')[0]}:{life}"
    return Hello(Identity(name, life, cluster, at), version, "node", stamp_ns)


def alive(
    stamp_ns: int = 0, heard_ns: int = 0, condition: Condition = "up", place: str = ""
) -> Alive:
    return Alive(stamp_ns, "digest", heard_ns, condition, place)


def told(changes: list[Change]) -> list[tuple[str, str | None, str]]:
    return [(each.member.name, each.before, each.member.state) for each in changes]


@pytest.fixture
def membership() -> Membership:
    return Membership(OWN)


def member(membership: Membership, name: str = "a@x") -> Member:
    found = membership.get(name)
    assert found is not None
    return found


class TestStates:
    def test_a_node_that_was_met_is_up(self, membership: Membership) -> None:
        assert told(membership.met(hello(), 0)) == [("a@x", None, "up")]
        assert [each.name for each in membership.living()] == ["a@x"]

    def test_a_node_that_is_met_again_changes_nothing(self, membership: Membership) -> None:
        membership.met(hello(), 0)

        assert membership.met(hello(), SECOND) == []
        assert member(membership).heard_ns == SECOND

    @pytest.mark.parametrize(
        ("silence_s", "expected"),
        [
            (0, "up"),
            (SUSPECT_S - 0.001, "up"),
            (SUSPECT_S, "suspect"),
            (DEAD_S - 0.001, "suspect"),
            (DEAD_S, "dead"),
            (1e6, "dead"),
        ],
    )
    def test_silence_makes_suspect_and_then_dead(
        self, membership: Membership, silence_s: float, expected: str
    ) -> None:
        membership.met(hello(), 0)

        membership.judge(round(silence_s * SECOND))

        assert member(membership).state == expected

    def test_each_change_is_told_once(self, membership: Membership) -> None:
        membership.met(hello(), 0)

        changes = [told(membership.judge(second * SECOND)) for second in range(20)]

        assert [each for each in changes if each] == [
            [("a@x", "up", "suspect")],
            [("a@x", "suspect", "dead")],
        ]

    @pytest.mark.parametrize("silence_s", [SUSPECT_S, DEAD_S])
    def test_whoever_is_heard_is_up_again(self, membership: Membership, silence_s: int) -> None:
        membership.met(hello(), 0)
        (change,) = membership.judge(silence_s * SECOND)

        heard = membership.heard("a@x", 5, 11 * SECOND)

        assert told(heard) == [("a@x", change.member.state, "up")]

    def test_a_life_that_has_left_is_over(self, membership: Membership) -> None:
        membership.met(hello(), 0)

        assert told(membership.left("a@x", 5)) == [("a@x", "up", "left")]
        assert membership.heard("a@x", 5, SECOND) == []
        assert membership.met(hello(), SECOND) == []
        assert membership.judge(100 * SECOND) == []
        assert member(membership).state == "left"

    def test_time_the_node_itself_did_not_run_is_nobodys_silence(
        self, membership: Membership
    ) -> None:
        membership.met(hello(), 0)

        assert membership.judge(60 * SECOND, late_ns=58 * SECOND) == []
        assert told(membership.judge(61 * SECOND)) == [("a@x", "up", "suspect")]

    def test_no_lateness_lets_anybody_be_heard_in_time_to_come(
        self, membership: Membership
    ) -> None:
        membership.met(hello(), 0)
        membership.judge(SECOND, late_ns=1000 * SECOND)

        assert told(membership.judge(4 * SECOND)) == [("a@x", "up", "suspect")]

    def test_another_life_takes_the_place_of_one_that_is_gone(self, membership: Membership) -> None:
        membership.met(hello(), 0)
        membership.judge(DEAD_S * SECOND)

        assert told(membership.met(hello(life=6), 11 * SECOND)) == [("a@x", None, "up")]
        assert [each.incarnation for each in membership.members()] == [6]

    def test_another_life_never_takes_the_place_of_a_living_one(
        self, membership: Membership
    ) -> None:
        membership.met(hello(), 0)

        assert membership.met(hello(life=6), SECOND) == []
        assert member(membership).incarnation == 5

    @pytest.mark.parametrize(
        "say",
        [
            Membership.left,
            Membership.died,
            lambda m, n, i: m.heard(n, i, SECOND),
            lambda m, n, i: m.told(n, i, SECOND, alive(condition="stalled")),
        ],
        ids=["left", "died", "heard", "told"],
    )
    @pytest.mark.parametrize(("name", "life"), [("a@x", 6), ("b@x", 5), ("me@here", 1)])
    def test_what_is_said_of_a_life_that_is_not_known_changes_nothing(
        self, membership: Membership, say: Callable[..., list[Change]], name: str, life: int
    ) -> None:
        membership.met(hello(), 0)

        assert say(membership, name, life) == []
        assert member(membership).heard_ns == 0

    @pytest.mark.parametrize("condition", ["up", "stalled", "fenced"])
    def test_a_node_is_what_it_says(self, membership: Membership, condition: Condition) -> None:
        membership.met(hello(), 0)

        changes = membership.told("a@x", 5, SECOND, alive(condition=condition))

        assert told(changes) == ([] if condition == "up" else [("a@x", "up", condition)])
        assert told(membership.told("a@x", 5, 2 * SECOND, alive())) == (
            [] if condition == "up" else [("a@x", condition, "up")]
        )

    def test_a_stalled_node_is_not_dead_as_long_as_it_is_heard(
        self, membership: Membership
    ) -> None:
        """R8."""
        membership.met(hello(), 0)
        for second in range(60):
            membership.told("a@x", 5, second * SECOND, alive(condition="stalled"))
            membership.judge(second * SECOND)

        assert member(membership).state == "stalled"

    def test_it_is_known_what_blocks_a_node(self, membership: Membership) -> None:
        membership.met(hello(), 0)
        places = []
        for place in ("spin (scene.py:7)", ""):
            membership.told("a@x", 5, SECOND, alive(place=place))
            places.append(member(membership).place)

        assert places == ["spin (scene.py:7)", ""]

    @pytest.mark.parametrize("silence_s", [SUSPECT_S, DEAD_S])
    def test_a_silent_node_is_what_it_says_when_it_is_heard(
        self, membership: Membership, silence_s: int
    ) -> None:
        membership.met(hello(), 0)
        membership.judge(silence_s * SECOND)
        membership.told("a@x", 5, 11 * SECOND, alive(condition="fenced"))

        assert member(membership).state == "fenced"

    def test_a_life_that_was_found_dead_is_dead_at_once(self, membership: Membership) -> None:
        """R1."""
        membership.met(hello(), 0)

        assert told(membership.died("a@x", 5)) == [("a@x", "up", "dead")]
        assert membership.died("a@x", 5) == []

    def test_whoever_was_found_dead_and_is_heard_is_up_again(self, membership: Membership) -> None:
        membership.met(hello(), 0)
        membership.died("a@x", 5)

        assert told(membership.told("a@x", 5, SECOND, alive())) == [("a@x", "dead", "up")]

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            pytest.param("a@x", [("a@x", "up", "dead"), ("a@x", None, "up")], id="same-name"),
            pytest.param("b@x", [("a@x", "up", "dead"), ("b@x", None, "up")], id="other-name"),
        ],
    )
    def test_another_life_at_the_same_address_takes_the_place_of_the_former(
        self, membership: Membership, name: str, changes: list[Any]
    ) -> None:
        membership.met(hello(address="a:1"), 0)
        later = hello(name, 6, address="a:1")
        membership.judge_hello(later)

        assert told(membership.met(later, SECOND)) == changes

    def test_one_that_left_is_not_dead_when_its_address_is_used_again(
        self, membership: Membership
    ) -> None:
        membership.met(hello(address="a:1"), 0)
        membership.left("a@x", 5)

        assert told(membership.met(hello("b@x", 6, "a:1"), SECOND)) == [("b@x", None, "up")]


class TestConfirming:
    def test_at_first_it_is_the_moment_of_meeting(self, membership: Membership) -> None:
        membership.met(hello(), 7 * SECOND)

        assert member(membership).confirmed_ns == 7 * SECOND

    @pytest.mark.parametrize(
        ("heard_s", "confirmed_s"),
        [
            pytest.param([3, 4], 4, id="later"),
            pytest.param([4, 3], 4, id="earlier"),
            pytest.param([0], 2, id="nothing"),
            pytest.param([99], 2, id="what-is-yet-to-come"),
        ],
    )
    def test_it_is_the_last_moment_that_the_other_got(
        self, membership: Membership, heard_s: list[int], confirmed_s: int
    ) -> None:
        membership.met(hello(), 2 * SECOND)
        for each in heard_s:
            membership.told("a@x", 5, 10 * SECOND, alive(heard_ns=each * SECOND))

        assert member(membership).confirmed_ns == confirmed_s * SECOND

    def test_the_last_moment_of_the_other_is_kept(self, membership: Membership) -> None:
        membership.met(hello(stamp_ns=5), 0)
        stamps = [member(membership).stamp_ns]
        for stamp_ns in (9, 7):
            membership.told("a@x", 5, SECOND, alive(stamp_ns=stamp_ns))
            stamps.append(member(membership).stamp_ns)

        assert stamps == [5, 9, 9]

    def test_a_node_fences_before_any_other_gives_away_what_it_had(self) -> None:
        """Whatever is lost on either way: I4 and R3 rest on this."""
        for seed in range(50):
            chance = random.Random(seed)
            own, other = Membership(OWN), Membership(Identity("a@x", 5, "test", "a:1"))
            own.met(hello(), 0)
            other.met(hello("me@here", 1), 0)
            dead_s = fenced_s = None
            for tenth in range(600):
                now_ns = tenth * SECOND // 10
                if tenth % 10 == 0 and chance.random() < 0.4:
                    heard_ns = member(own).stamp_ns
                    other.told("me@here", 1, now_ns, alive(now_ns, heard_ns))
                if tenth % 10 == 3 and chance.random() < 0.4:
                    own.told("a@x", 5, now_ns, alive(now_ns, member(other, "me@here").stamp_ns))
                if fenced_s is None and now_ns - member(own).confirmed_ns >= FENCE_S * SECOND:
                    fenced_s = tenth
                other.judge(now_ns)
                if dead_s is None and member(other, "me@here").state == "dead":
                    dead_s = tenth
            assert dead_s is None or (fenced_s is not None and fenced_s < dead_s), f"seed {seed}"


class TestClocks:
    def test_the_best_that_was_told_of_a_clock_is_kept(self, membership: Membership) -> None:
        membership.met(hello(stamp_ns=1000), 2000)
        membership.heard("a@x", 5, 3000, stamp_ns=2900)
        membership.heard("a@x", 5, 4000, stamp_ns=3000)

        assert member(membership).peer.offset_ns == -101

    def test_what_is_known_of_a_clock_grows_old(self, membership: Membership) -> None:
        membership.met(hello(stamp_ns=0), 0)
        membership.heard("a@x", 5, SECOND, stamp_ns=0)

        assert member(membership).offset_ns == -SECOND // CLOCK_DRIFT

    def test_after_a_silence_nothing_old_is_relied_on(self, membership: Membership) -> None:
        membership.met(hello(stamp_ns=0), 0)
        membership.judge(5 * SECOND)
        membership.heard("a@x", 5, 6 * SECOND, stamp_ns=SECOND)

        assert member(membership).offset_ns == -5 * SECOND

    def test_no_clock_is_ever_thought_later_than_it_is(self) -> None:
        for seed in range(50):
            chance = random.Random(seed)
            membership = Membership(OWN)
            # Clocks that drift apart as far as those of machines do.
            rate, origin_ns = 1 + chance.uniform(-5e-4, 5e-4), chance.randrange(10**15)
            now_ns = 0
            membership.met(hello(stamp_ns=origin_ns), now_ns)
            for _ in range(200):
                now_ns += chance.randrange(2 * SECOND)
                sent_ns = max(0, now_ns - chance.randrange(SECOND // 2))
                stamp_ns = origin_ns + int(sent_ns * rate)
                if chance.random() < 0.8:
                    membership.heard("a@x", 5, now_ns, stamp_ns)
                if chance.random() < 0.5:
                    membership.judge(now_ns, chance.choice([0, 0, SECOND]))
                truth_ns = origin_ns + now_ns * rate - now_ns
                slack_ns = (now_ns - member(membership).heard_ns) / CLOCK_DRIFT + 1
                assert member(membership).offset_ns <= truth_ns + slack_ns, f"seed {seed}"


class TestGossip:
    def test_those_that_others_know_are_to_be_dialled(self, membership: Membership) -> None:
        assert membership.merge([["b@x", 7, "b:1"], ["c@x", 8, "c:1"]]) == ["b:1", "c:1"]

    def test_nobody_is_a_member_by_hearsay(self, membership: Membership) -> None:
        membership.merge([["b@x", 7, "b:1"]])

        assert membership.members() == ()

    def test_gossip_tells_of_the_living(self, membership: Membership) -> None:
        for name in ("a@x", "b@x", "c@x"):
            membership.met(hello(name), 0)
        membership.left("b@x", 5)

        assert membership.gossip() == [["a@x", 5, "a:5"], ["c@x", 5, "c:5"]]

    @pytest.mark.parametrize(
        ("entry", "expected"),
        [
            pytest.param(["me@here", 9, "z:1"], [], id="own-name"),
            pytest.param(["up@x", 5, "z:1"], [], id="known"),
            pytest.param(["up@x", 6, "z:1"], [], id="another-life-of-a-living-one"),
            pytest.param(["gone@x", 5, "z:1"], [], id="gone"),
            pytest.param(["gone@x", 6, "z:1"], ["z:1"], id="another-life-of-one-that-is-gone"),
        ],
    )
    def test_only_those_that_could_be_taken_in_are_dialled(
        self, membership: Membership, entry: Any, expected: list[str]
    ) -> None:
        membership.met(hello("up@x"), 0)
        membership.met(hello("gone@x"), 0)
        membership.left("gone@x", 5)

        assert membership.merge([entry]) == expected

    def test_nodes_that_know_the_same_nodes_have_the_same_digest(self) -> None:
        first, second = Membership(OWN), Membership(Identity("a@x", 5, "test"))
        first.met(hello("a@x", 5), 0)
        first.met(hello("b@x", 7), 0)
        second.met(hello("b@x", 7), 0)
        assert first.digest() != second.digest()

        second.met(hello("me@here", 1), 0)
        assert first.digest() == second.digest()


NAMES = [f"{letter}@x" for letter in "abcde"]


class Sweep:
    """A membership to which anything happens, and what must be so afterwards."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.membership = Membership(OWN)
        self.heard_ns: dict[tuple[str, int], int] = {}
        self.now_ns = 0
        self.actions = [self.greet, self.hear, self.hear, self.leave, self.judge, self.gossip]

    def step(self) -> None:
        self.now_ns += self.chance.randrange(SECOND)
        name, life = self.chance.choice(NAMES), self.chance.randrange(1, 4)
        before = {each.name: each for each in self.membership.members()}
        self.check(before, self.chance.choice(self.actions)(name, life))

    def greet(self, name: str, life: int) -> list[Change]:
        refusal = self.refusal(name, life)
        known = self.membership.get(name)
        is_free = known is None or (
            known.state != "left" if known.incarnation == life else known.is_gone
        )
        assert (refusal is None) == is_free
        if refusal is not None:
            return []
        self.heard_ns[name, life] = self.now_ns
        return self.membership.met(hello(name, life), self.now_ns)

    def refusal(self, name: str, life: int) -> Refused | None:
        try:
            self.membership.judge_hello(hello(name, life))
        except Refused as refusal:
            return refusal
        return None

    def hear(self, name: str, life: int) -> list[Change]:
        known = self.membership.get(name)
        if known is not None and known.incarnation == life and known.state != "left":
            self.heard_ns[name, life] = self.now_ns
        return self.membership.heard(name, life, self.now_ns)

    def leave(self, name: str, life: int) -> list[Change]:
        return self.membership.left(name, life) if self.chance.random() < 0.2 else []

    def judge(self, name: str, life: int) -> list[Change]:
        changes = self.membership.judge(self.now_ns)
        for each in self.membership.members():
            silence_ns = self.now_ns - self.heard_ns[each.name, each.incarnation]
            assert each.state in ("left", state_after(silence_ns))
        return changes

    def gossip(self, name: str, life: int) -> list[Change]:
        told = [[each, self.chance.randrange(1, 4), f"{each[0]}:9"] for each in NAMES]
        for address in self.membership.merge(told):
            known = self.membership.get(f"{address[0]}@x")
            assert known is None or known.is_gone
        assert self.membership.merge(self.membership.gossip()) == []
        return []

    def check(self, before: dict[str, Member], changes: list[Change]) -> None:
        """Check that the changes are all that changed, and that nobody's place was taken."""
        after = {each.name: each for each in self.membership.members()}
        assert {each.member.name for each in changes} == {
            name for name in after if life_of(before.get(name)) != life_of(after[name])
        }
        for change in changes:
            old, new = before.get(change.member.name), change.member
            if old is not None and old.incarnation == new.incarnation:
                assert change.before == old.state
            else:
                assert change.before is None
                assert old is None or old.is_gone


def state_after(silence_ns: int) -> str:
    if silence_ns >= DEAD_S * SECOND:
        return "dead"
    return "suspect" if silence_ns >= SUSPECT_S * SECOND else "up"


def life_of(member: Member | None) -> object:
    return member and (member.incarnation, member.state)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_the_picture_is_sound(seed: int) -> None:
    sweep = Sweep(seed)
    for _ in range(400):
        sweep.step()


class TestSad:
    @pytest.mark.parametrize(
        ("kind", "greeting"),
        [
            pytest.param("other_version", hello(version=2), id="version"),
            pytest.param("other_cluster", hello(cluster="prod"), id="cluster"),
            pytest.param("name_taken", hello("me@here", 9), id="own-name"),
            pytest.param("name_taken", hello("up@x", 9), id="up"),
            pytest.param("name_taken", hello("suspect@x", 9), id="suspect"),
            pytest.param("stale", hello("left@x", 5), id="the-life-that-left"),
        ],
    )
    def test_a_node_that_cannot_be_a_member_is_refused(
        self, membership: Membership, kind: str, greeting: Hello
    ) -> None:
        now_ns = 5 * SECOND
        membership.met(hello("suspect@x"), 0)
        for name in ("up@x", "left@x"):
            membership.met(hello(name), now_ns)
        membership.left("left@x", 5)
        membership.judge(now_ns)

        with pytest.raises(Refused) as caught:
            membership.judge_hello(greeting)

        assert caught.value.kind == kind

    def test_the_node_itself_is_no_member_of_its_own(self, membership: Membership) -> None:
        membership.judge_hello(hello("me@here", 1))

        assert membership.met(hello("me@here", 1), 0) == []
        assert membership.members() == ()

    def test_the_refusal_tells_where_the_owner_of_a_name_is(self, membership: Membership) -> None:
        membership.met(hello("a@x", address="there:9401"), 0)

        with pytest.raises(Refused, match="there:9401"):
            membership.judge_hello(hello("a@x", 9))

    @pytest.mark.parametrize(
        "gossip",
        [None, 1, "x", {}, {"a": 1}, [None], [[]], [["b@x"]], [["b@x", 7, "b:1", 1]],
         [["b", 7, "b:1"]], [["b@x\n", 7, "b:1"]], [["b@x", 0, "b:1"]], [["b@x", -7, "b:1"]],
         [["b@x", "7", "b:1"]], [["b@x", 7.0, "b:1"]], [["b@x", 1 << 63, "b:1"]],
         [["b@x", 7, ""]], [["b@x", 7, "b"]], [["b@x", 7, "b:0"]], [["b@x", 7, "b:99999"]],
         [["b@x", 7, "b c:1"]], [[{}, [], None]], ["b@x"], [b"b@x"]],
        ids=ascii,
    )  # fmt: skip
    def test_what_is_no_gossip_is_passed_over(self, membership: Membership, gossip: Any) -> None:
        assert membership.merge(gossip) == []

    def test_one_bad_entry_takes_no_other_with_it(self, membership: Membership) -> None:
        assert membership.merge([None, ["b@x", 7, "b:1"], ["c"]]) == ["b:1"]
