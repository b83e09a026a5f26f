"""Public keys as text, and what is none."""

import pytest

from crowsg.cluster.key_text import PublicKey, line_of_key, read_list, read_public
from crowsg.errors import InvalidKeys

# From ZeroMQ's manual.
KEY = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
OTHER = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"


def test_what_is_written_is_read() -> None:
    public = PublicKey(KEY, "worker1@host")

    assert read_public(line_of_key(public)) == public


def test_a_bare_key_gets_the_name_that_is_given_with_it() -> None:
    assert read_public(f" {KEY}\n", "worker1@host") == PublicKey(KEY, "worker1@host")


def test_a_name_that_is_given_stands_above_that_of_the_file() -> None:
    line = line_of_key(PublicKey(KEY, "worker1@host"))

    assert read_public(line, "worker2@host").name == "worker2@host"


def test_fingerprints_are_short_and_tell_keys_apart() -> None:
    first, second = PublicKey(KEY).fingerprint, PublicKey(OTHER).fingerprint

    assert (len(first), first == second) == (16, False)


def test_a_list_is_read_line_by_line_without_the_empty_ones() -> None:
    keys = [PublicKey(KEY, "a@h"), PublicKey(OTHER, "b@h")]

    assert read_list("\n\n".join(map(line_of_key, keys)) + "\n") == keys


def test_a_node_may_have_two_keys_while_one_replaces_the_other() -> None:
    keys = [PublicKey(KEY, "a@h"), PublicKey(OTHER, "a@h")]

    assert read_list("\n".join(map(line_of_key, keys))) == keys


@pytest.mark.parametrize("name", ["a@h", "worker-1_x.y@10.0.0.1", "a" * 64 + "@" + "h" * 128])
def test_names_of_nodes_are_taken(name: str) -> None:
    assert read_public(KEY, name).name == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("worker1", id="no-host"),
        pytest.param("@host", id="no-name"),
        pytest.param("a@", id="empty-host"),
        pytest.param("../a@h", id="climbing"),
        pytest.param("a/b@h", id="slash"),
        pytest.param("a@h/../../x", id="slash-in-host"),
        pytest.param("a@h\n", id="newline"),
        pytest.param("a@h\0", id="nul"),
        pytest.param("ä@h", id="not-ascii"),
        pytest.param("a" * 200 + "@h", id="long"),
    ],
)
def test_what_is_no_name_of_a_node_is_refused(name: str) -> None:
    with pytest.raises(InvalidKeys, match=r"no name of a node: try worker1@host"):
        read_public(KEY, name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "no public key", id="empty"),
        pytest.param(KEY, "say which node .* --name", id="no-name"),
        pytest.param(f"crowsg-node-key {KEY} a@h", "secret key: give the public", id="node-secret"),
        pytest.param(f"crowsg-cluster-key {KEY}", "secret key: give the public", id="cluster"),
        pytest.param(f"crowsg-public-key {KEY[:-1]} a@h", "no public key", id="short"),
        pytest.param(f"crowsg-public-key {KEY}x a@h", "no public key", id="long"),
        pytest.param(f"crowsg-public-key {KEY[:-1]}~ a@h", "no public key", id="alphabet"),
        pytest.param(f"crowsg-public-key {'#' * 40} a@h", "no public key", id="overflow"),
        pytest.param(f"crowsg-public-key {KEY} a@h more", "no public key", id="more-words"),
        pytest.param("ssh-ed25519 AAAA me@host", "no public key", id="other-program"),
    ],
)
def test_what_is_no_public_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidKeys, match=why):
        read_public(text)


def test_a_list_names_the_line_that_is_wrong() -> None:
    text = f"{line_of_key(PublicKey(KEY, 'a@h'))}\nrubbish\n"

    with pytest.raises(InvalidKeys, match=r"^line 2: .*take the line out"):
        read_list(text)


def test_a_list_that_binds_a_key_to_two_names_is_refused() -> None:
    keys = [PublicKey(KEY, "a@h"), PublicKey(KEY, "b@h")]

    with pytest.raises(InvalidKeys, match=r"^line 2 binds a key to another name"):
        read_list("\n".join(map(line_of_key, keys)))
