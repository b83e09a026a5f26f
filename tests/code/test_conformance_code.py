"""amoc's cases of the code server: marking, distributing and taking code."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from crowsg.code.bundle import from_path
from crowsg.code.manifest import Manifest
from crowsg.code.server import CodeServer
from crowsg.errors import CodeRefused, CodeVersionChanged, NameTaken, NoSuchScenario
from crowsg.scenario.loading import load
from tests.code.peers import everything, peer, to, travelled

SCENARIO = "import peers\ndef init(): return peers.SAID\ndef start(user_id): pass\n"
HELPER = (
    "from crowsg import Variable\n"
    "required_variables = [Variable('host', 'host under test')]\n"
    "SAID = {!r}\n"
)

Version = Callable[[str], None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The code path of the sender."""
    found = tmp_path / "load"
    found.mkdir()
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def version(folder: Path) -> Iterator[Version]:
    """Returns a function that writes a version; what is imported meanwhile is forgotten."""
    paths, modules = list(sys.path), set(sys.modules)

    def write(said: str) -> None:
        (folder / "chat.py").write_text(SCENARIO, encoding="utf-8")
        (folder / "peers.py").write_text(HELPER.format(said), encoding="utf-8")

    write("one")
    yield write
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def sender(folder: Path, version: Version) -> CodeServer:
    """Who has a scenario, and a helper that declares variables."""
    return CodeServer([folder])


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[CodeServer]:
    """Who has nothing."""
    with peer(tmp_path / "receiver") as server:
        yield server


def said(server: CodeServer) -> object:
    """Load the scenario that a node has, and return what its helper says."""
    return load(server.find("chat"), server.folders).init()


def listed(server: CodeServer) -> tuple[list[str], list[str]]:
    """Return the names of the scenarios and of the configurable modules."""
    return (
        [source.name for source in server.scenarios()],
        [source.name for source in server.configurable()],
    )


def test_what_one_side_writes_the_other_reads(sender: CodeServer) -> None:
    """amoc case 111."""
    manifest = sender.bundle_of("chat").manifest

    assert Manifest.from_plain(travelled(manifest.plain())) == manifest


def test_the_digest_depends_on_contents_and_not_on_where_they_lie(tmp_path: Path) -> None:
    """amoc case 112; a blank line is a change here, as what is compared is the text."""
    digests = []
    for place, text in (("a", "x = 1\n"), ("b", "x = 1\n"), ("c", "\nx = 1\n")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "chat.py").write_text(text, encoding="utf-8")
        digests.append(from_path(tmp_path / place / "chat.py").digest)

    assert digests[0] == digests[1] != digests[2]


def test_a_module_that_is_not_there_cannot_be_marked(sender: CodeServer) -> None:
    """amoc case 113."""
    with pytest.raises(NoSuchScenario):
        sender.add_module("nowhere")


def test_a_module_without_a_file_cannot_be_marked(sender: CodeServer) -> None:
    """amoc case 113."""
    with pytest.raises(CodeRefused, match="it has no file"):
        sender.add_module(ModuleType("made_by_hand"))


def test_the_folder_of_a_marked_module_joins_the_code_paths(folder: Path, version: Version) -> None:
    """amoc case 113."""
    server = CodeServer([])

    server.add_module(folder / "chat.py")

    assert server.folders == (folder,)


def test_a_module_hidden_on_the_code_paths_by_another_cannot_be_marked(
    sender: CodeServer, tmp_path: Path
) -> None:
    """amoc case 113."""
    (tmp_path / "chat.py").write_text("x = 'another'\n", encoding="utf-8")

    with pytest.raises(NameTaken, match="chat is another module on this node"):
        sender.add_module(tmp_path / "chat.py")


def test_the_same_version_can_be_marked_again(sender: CodeServer) -> None:
    """amoc case 113."""
    assert (sender.add_module("chat"), sender.add_module("chat")) == ("chat", "chat")


def test_a_changed_version_cannot_be_marked_in_a_run(sender: CodeServer, version: Version) -> None:
    """amoc case 113."""
    sender.add_module("chat")
    sender.pin({"chat": sender.bundle_of("chat").digest}, "run-1")
    version("two")

    with pytest.raises(CodeVersionChanged):
        sender.add_module("chat")


def test_marked_modules_are_classified(folder: Path, version: Version) -> None:
    """amoc case 114."""
    server = CodeServer([])

    server.add_module(folder / "chat.py")

    assert listed(server) == (["chat"], ["peers"])


def test_after_a_restart_modules_are_classified_again_and_none_is_marked(
    sender: CodeServer, folder: Path, receiver: CodeServer
) -> None:
    """amoc case 114."""
    sender.add_module("chat")

    restarted = CodeServer([folder])

    assert listed(restarted) == (["chat"], ["peers"])
    assert restarted.distribute_to(to(receiver)) == {}


def test_each_marked_module_is_offered_once_and_answered(
    sender: CodeServer, receiver: CodeServer
) -> None:
    """amoc case 115."""
    calls: list[str] = []
    sender.add_module("chat")
    sender.add_module("peers")

    assert sender.distribute_to(to(receiver, calls)) == {"chat": "sent", "peers": "sent"}
    assert calls == ["code_offer", "code_chunk", "code_finish"] * 2


def test_distributing_may_be_repeated(sender: CodeServer, receiver: CodeServer) -> None:
    """amoc case 115."""
    calls: list[str] = []
    sender.add_module("chat")
    sender.add_module("peers")
    sender.distribute_to(to(receiver))

    assert sender.distribute_to(to(receiver, calls)) == {"chat": "known", "peers": "known"}
    assert calls == ["code_offer"] * 2


def test_modules_that_came_are_classified(sender: CodeServer, receiver: CodeServer) -> None:
    """amoc case 116."""
    sender.distribute_to(to(receiver), ["chat"])

    assert listed(receiver) == (["chat"], ["peers"])


def test_modules_that_came_can_be_run(sender: CodeServer, receiver: CodeServer) -> None:
    """amoc case 116."""
    sender.distribute_to(to(receiver), ["chat"])

    assert said(receiver) == "one"


def test_modules_that_came_again_are_not_written_again(
    sender: CodeServer, receiver: CodeServer
) -> None:
    """amoc case 116."""
    sender.distribute_to(to(receiver), ["chat"])
    before = receiver.find("chat").stat()

    sender.distribute_to(to(receiver), ["chat"])

    assert receiver.find("chat").stat() == before


def test_in_a_run_another_version_is_refused_and_the_old_one_stays(
    sender: CodeServer, receiver: CodeServer, version: Version
) -> None:
    """amoc case 117."""
    sender.distribute_to(to(receiver), ["chat"])
    receiver.pin({"chat": sender.bundle_of("chat").digest}, "run-1")
    version("two")

    with pytest.raises(CodeVersionChanged, match="chat is in use"):
        sender.distribute_to(to(receiver), ["chat"])

    assert said(receiver) == "one"


def test_after_the_run_the_new_version_is_run_without_a_restart(
    sender: CodeServer, receiver: CodeServer, version: Version
) -> None:
    """amoc case 117; amoc needs a restart."""
    sender.distribute_to(to(receiver), ["chat"])
    receiver.pin({"chat": sender.bundle_of("chat").digest}, "run-1")
    before = said(receiver)
    receiver.release("run-1")
    version("two")

    sender.distribute_to(to(receiver), ["chat"])

    assert (before, said(receiver)) == ("one", "two")


def test_two_nodes_of_one_process_each_run_what_they_have(
    sender: CodeServer, receiver: CodeServer, version: Version, tmp_path: Path
) -> None:
    """amoc case 117."""
    with peer(tmp_path / "second") as second:
        sender.distribute_to(to(receiver), ["chat"])
        version("two")
        sender.distribute_to(to(second), ["chat"])

        heard = [said(server) for server in (receiver, second, receiver, sender, second)]

    assert heard == ["one", "two", "one", "two", "two"]


def test_after_a_restart_code_comes_again_and_once_only(
    sender: CodeServer, receiver: CodeServer, tmp_path: Path
) -> None:
    """amoc case 118."""
    sender.distribute_to(to(receiver), ["chat"])
    receiver.close()

    with peer(tmp_path / "receiver") as restarted:
        answers = [sender.distribute_to(to(restarted), ["chat"])["chat"] for _ in range(2)]

        assert (answers, said(restarted)) == (["sent", "known"], "one")


def test_where_a_node_has_the_same_code_its_own_stays(sender: CodeServer, tmp_path: Path) -> None:
    """amoc case 119."""
    own = tmp_path / "own"
    own.mkdir()
    for path, data in sender.bundle_of("chat").files:
        (own / path).write_bytes(data)

    with peer(tmp_path / "receiver", own) as receiver:
        answer = sender.distribute_to(to(receiver), ["chat"])

        assert answer == {"chat": "known"}
        assert receiver.find("chat") == own / "chat.py"
        assert everything(tmp_path / "receiver") == {}


@pytest.mark.parametrize("other", ["chat.py", "peers.py"])
def test_where_a_node_has_other_code_of_its_own_it_stays(
    sender: CodeServer, tmp_path: Path, other: str
) -> None:
    """amoc cases 117 and 119."""
    own = tmp_path / "own"
    own.mkdir()
    (own / other).write_text("x = 'own'\n", encoding="utf-8")

    with peer(tmp_path / "receiver", own) as receiver:
        with pytest.raises(CodeRefused, match="is another module on this node"):
            sender.distribute_to(to(receiver), ["chat"])

        assert everything(tmp_path / "receiver") == {}
