"""Whose keys are let in, under which names, and which folders are refused."""

import logging
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
import zmq
import zmq.green
from zmq.utils import z85

from crowsg.cluster.key_text import PublicKey
from crowsg.cluster.keys import Keys, allow, list_keys, new_cluster_key, new_node_key
from crowsg.errors import InvalidKeys

HERE, THERE = "worker1@here", "worker2@there"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a cluster key alone."""
    folder = tmp_path / "keys"
    new_cluster_key(folder)
    return folder


@pytest.fixture
def strict(folder: Path) -> Path:
    """A folder with an allow-list of two nodes, and the keys of both."""
    for name in (HERE, THERE):
        allow(folder, new_node_key(folder, name))
    return folder


def copied(file: str, source: Path, target: Path) -> Path:
    target.mkdir(0o700, exist_ok=True)
    (target / file).write_text((source / file).read_text())
    (target / file).chmod(0o600)
    return target


def stranger() -> str:
    return zmq.curve_keypair()[0].decode()


def test_whoever_has_the_cluster_key_is_let_in_under_any_name(folder: Path) -> None:
    keys = Keys.load(folder, HERE)

    assert keys.allowed(keys.public.decode()) == ""
    assert keys.name == ""


def test_one_copied_file_makes_another_machine_part_of_the_cluster(
    folder: Path, tmp_path: Path
) -> None:
    here = Keys.load(folder, HERE)
    there = Keys.load(copied("cluster.key", folder, tmp_path / "there"), THERE)

    assert there.allowed(here.public.decode()) == ""
    assert there.server_key_of("here:9400") == here.server_public


def test_a_key_that_is_not_the_clusters_is_not_let_in(folder: Path) -> None:
    assert Keys.load(folder).allowed(stranger()) is None


def test_two_clusters_have_two_keys(folder: Path, tmp_path: Path) -> None:
    new_cluster_key(tmp_path / "other")

    assert Keys.load(folder).allowed(Keys.load(tmp_path / "other").public.decode()) is None


def test_keys_on_the_list_are_let_in_under_their_names(strict: Path) -> None:
    here, there = Keys.load(strict, HERE), Keys.load(strict, THERE)

    assert here.allowed(there.public.decode()) == THERE
    assert (here.name, there.name) == (HERE, THERE)


def test_with_a_list_the_cluster_key_opens_nothing(strict: Path) -> None:
    keys = Keys.load(strict, HERE)

    assert keys.allowed(keys.server_public.decode()) is None


def test_with_a_list_all_nodes_still_serve_with_the_cluster_key(strict: Path) -> None:
    here, there = Keys.load(strict, HERE), Keys.load(strict, THERE)

    assert here.server_key_of("there:9400") == there.server_public == here.server_public
    assert here.server_public != here.public


def test_a_node_key_without_a_list_is_not_used(folder: Path) -> None:
    new_node_key(folder, HERE)
    keys = Keys.load(folder, HERE)

    assert keys.public == keys.server_public


def test_a_key_is_let_in_from_the_moment_it_is_on_the_list(strict: Path) -> None:
    keys = Keys.load(strict, HERE)
    late = PublicKey(stranger(), "worker3@there")
    assert keys.allowed(late.key) is None

    allow(strict, late)

    assert keys.allowed(late.key) == "worker3@there"


def test_a_key_is_let_in_no_more_when_its_line_is_gone(strict: Path) -> None:
    keys, there = Keys.load(strict, HERE), Keys.load(strict, THERE).public.decode()
    assert keys.allowed(there) == THERE
    list_ = strict / "allowed"

    list_.write_text("".join(list_.read_text().splitlines(keepends=True)[:1]))

    assert keys.allowed(there) is None
    assert keys.allowed(keys.public.decode()) == HERE


def test_the_first_list_shuts_out_the_cluster_key_on_nodes_that_run(folder: Path) -> None:
    keys = Keys.load(folder, HERE)
    assert keys.allowed(keys.public.decode()) == ""

    allow(folder, new_node_key(folder, THERE))

    assert keys.allowed(keys.public.decode()) is None


def test_a_list_that_is_gone_does_not_let_the_cluster_key_in_again(strict: Path) -> None:
    keys = Keys.load(strict, HERE)

    (strict / "allowed").unlink()

    assert keys.allowed(keys.server_public.decode()) is None
    assert keys.allowed(keys.public.decode()) is None


@pytest.mark.parametrize("spoilt", ["rubbish", "open", "folder"])
def test_while_the_list_cannot_be_relied_on_nobody_is_let_in(
    strict: Path, spoilt: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys, list_ = Keys.load(strict, HERE), strict / "allowed"
    good, own = list_.read_text(), keys.public.decode()
    assert keys.allowed(own) == HERE
    if spoilt == "rubbish":
        list_.write_text(good + "rubbish\n")
    elif spoilt == "open":
        list_.chmod(0o644)
    else:
        strict.rename(strict.with_name("away"))

    with caplog.at_level(logging.WARNING):
        assert [keys.allowed(own), keys.allowed(own)] == [None, None]

    assert len(caplog.records) == 1


def test_a_list_that_is_repaired_is_used_again(strict: Path) -> None:
    keys, list_ = Keys.load(strict, HERE), strict / "allowed"
    list_.chmod(0o644)
    assert keys.allowed(keys.public.decode()) is None

    list_.chmod(0o600)

    assert keys.allowed(keys.public.decode()) == HERE


def test_a_cluster_key_that_was_put_on_the_list_by_hand_is_not_let_in(strict: Path) -> None:
    key = Keys.load(strict, HERE).server_public.decode()
    with open(strict / "allowed", "a", encoding="ascii") as file:
        file.write(f"crowsg-public-key {key} worker3@there\n")

    assert Keys.load(strict, HERE).allowed(key) is None


def test_no_secret_is_in_what_is_printed_of_keys(strict: Path) -> None:
    keys = Keys.load(strict, HERE)

    for secret in (keys.secret, keys.server_secret):
        assert secret.decode() not in repr(keys)
        assert repr(secret) not in repr(keys)


def test_a_key_is_put_on_the_list_once(strict: Path) -> None:
    public = PublicKey(stranger(), "worker3@there")

    assert [allow(strict, public), allow(strict, public)] == [True, False]

    assert (strict / "allowed").read_text().count(public.key) == 1


def test_the_keys_of_a_folder_are_listed_once_each(strict: Path) -> None:
    (strict / f"{THERE}.key").unlink()

    listed = [(each.public.name, each.is_own, each.is_allowed) for each in list_keys(strict)]

    assert listed == [("", True, False), (HERE, True, True), (THERE, False, True)]


def test_without_a_list_the_cluster_key_is_listed_as_let_in(folder: Path) -> None:
    new_node_key(folder, HERE)

    listed = [(each.public.name, each.is_allowed) for each in list_keys(folder)]

    assert listed == [("", True), (HERE, False)]


# Sad.


def test_a_second_cluster_key_is_refused(folder: Path) -> None:
    before = Keys.load(folder)

    with pytest.raises(InvalidKeys, match=r"cluster\.key is there already and stays as it is"):
        new_cluster_key(folder)

    assert Keys.load(folder) == before


@pytest.mark.parametrize("file", [f"{HERE}.key", f"{HERE}.public"])
def test_a_second_key_of_a_node_is_refused_and_leaves_nothing(folder: Path, file: str) -> None:
    new_node_key(folder, HERE)
    kept = (folder / file).read_text()
    for each in folder.glob(f"{HERE}*"):
        if each.name != file:
            each.unlink()

    with pytest.raises(InvalidKeys, match="is there already"):
        new_node_key(folder, HERE)

    assert [each.name for each in folder.glob(f"{HERE}*")] == [file]
    assert (folder / file).read_text() == kept


def test_a_key_bound_to_one_name_is_not_bound_to_another(strict: Path) -> None:
    key = Keys.load(strict, HERE).public.decode()

    with pytest.raises(InvalidKeys, match=f"is bound to {HERE} already"):
        allow(strict, PublicKey(key, THERE))


def test_the_cluster_key_is_not_bound_to_a_name(folder: Path) -> None:
    key = Keys.load(folder).public.decode()

    with pytest.raises(InvalidKeys, match="that is the cluster key"):
        allow(folder, PublicKey(key, HERE))

    assert not (folder / "allowed").exists()


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeys, match="no such folder: make it with crowsg keys new"):
        Keys.load(tmp_path / "none", HERE)


def test_a_folder_without_a_cluster_key_is_refused(folder: Path) -> None:
    (folder / "cluster.key").unlink()

    with pytest.raises(InvalidKeys, match=r"no .*/cluster\.key: make it with crowsg keys new, or"):
        Keys.load(folder, HERE)


def test_with_a_list_a_node_without_a_key_of_its_own_is_refused(strict: Path) -> None:
    with pytest.raises(InvalidKeys, match=r"no .*/w@x\.key: make it with crowsg keys new --name w"):
        Keys.load(strict, "w@x")


def test_with_a_list_a_node_without_a_name_is_refused(strict: Path) -> None:
    with pytest.raises(InvalidKeys, match="by name: say which this one is"):
        Keys.load(strict)


def test_a_name_does_not_lead_out_of_the_folder(strict: Path) -> None:
    with pytest.raises(InvalidKeys, match="no name of a node"):
        Keys.load(strict, "../keys/" + HERE)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("rubbish", id="rubbish"),
        pytest.param("crowsg-cluster-key", id="no-key"),
        pytest.param("crowsg-cluster-key short", id="short"),
        pytest.param("crowsg-cluster-key " + "~" * 40, id="alphabet"),
        pytest.param("crowsg-cluster-key " + "#" * 40, id="overflow"),
        pytest.param("crowsg-cluster-key " + "0" * 40 + " more", id="more"),
        pytest.param("crowsg-node-key " + "0" * 40 + " a@h", id="of-a-node"),
        pytest.param("crowsg-public-key " + "0" * 40 + " a@h", id="public"),
    ],
)
def test_a_damaged_cluster_key_is_refused_with_what_to_do(folder: Path, text: str) -> None:
    (folder / "cluster.key").write_text(text)

    with pytest.raises(InvalidKeys, match=r"cluster\.key .*copy it again.* crowsg keys new"):
        Keys.load(folder)


def test_a_node_key_of_another_name_is_refused(strict: Path) -> None:
    (strict / f"{HERE}.key").write_text((strict / f"{THERE}.key").read_text())

    with pytest.raises(InvalidKeys, match=rf"{HERE}\.key is no crowsg-node-key"):
        Keys.load(strict, HERE)


def test_no_secret_is_in_what_is_said_of_a_damaged_file(folder: Path) -> None:
    secret = (folder / "cluster.key").read_text().split()[1]
    (folder / "cluster.key").write_text(f"{secret} crowsg-cluster-key")

    with pytest.raises(InvalidKeys) as caught:
        Keys.load(folder)

    assert secret not in str(caught.value)


def test_all_that_is_wrong_is_named_at_once(strict: Path) -> None:
    for name in ("cluster.key", "allowed"):
        (strict / name).chmod(0o644)

    for read in (lambda: Keys.load(strict, HERE), lambda: list_keys(strict)):
        with pytest.raises(InvalidKeys, match=r"cluster\.key is open.*; .*allowed is open"):
            read()


class Server:
    """A socket that serves and judges as the keys say, and keeps what reaches it."""

    def __init__(self, context: "zmq.green.Context[zmq.Socket[bytes]]", keys: Keys) -> None:
        self.reached: list[tuple[str, bytes]] = []
        self._zap = context.socket(zmq.REP)
        self._zap.bind("inproc://zeromq.zap.01")
        self._socket = context.socket(zmq.PULL)
        self._socket.curve_server = True
        self._socket.curve_secretkey = keys.server_secret
        self._socket.zap_domain = b"crowsg"
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self._keys = keys
        self._loops = [gevent.spawn(self._judge), gevent.spawn(self._serve)]

    def close(self) -> None:
        gevent.killall(self._loops)

    def _judge(self) -> None:
        while True:
            version, request, *_, key = self._zap.recv_multipart()
            name = self._keys.allowed(z85.encode(key).decode())
            status = b"400" if name is None else b"200"
            self._zap.send_multipart([version, request, status, b"", (name or "").encode(), b""])

    def _serve(self) -> None:
        while True:
            frame = self._socket.recv(copy=False)
            self.reached.append((str(frame.get("User-Id")), frame.bytes))


@pytest.fixture
def context() -> Iterator["zmq.green.Context[zmq.Socket[bytes]]"]:
    context = zmq.green.Context()
    yield context
    context.destroy(linger=0)


def test_only_keys_that_are_let_in_reach_a_server_and_under_their_names(
    strict: Path, context: "zmq.green.Context[zmq.Socket[bytes]]"
) -> None:
    here, there = Keys.load(strict, HERE), Keys.load(strict, THERE)
    server = Server(context, here)
    foreign_public, foreign_secret = zmq.curve_keypair()
    clients = {
        "foreign key": (here.server_public, foreign_public, foreign_secret),
        "cluster key": (here.server_public, here.server_public, here.server_secret),
        "wrong server": (foreign_public, there.public, there.secret),
        "no key": None,
        # Last, so that the others have had their time.
        "right key": (there.server_key_of(server.address), there.public, there.secret),
    }
    for label, keys in clients.items():
        client = context.socket(zmq.PUSH)
        if keys is not None:
            client.curve_serverkey, client.curve_publickey, client.curve_secretkey = keys
        client.connect(server.address)
        client.send(label.encode())
        gevent.sleep(0.05)

    with gevent.Timeout(5):
        while not server.reached:
            gevent.sleep(0.01)
    server.close()

    assert server.reached == [(THERE, b"right key")]
