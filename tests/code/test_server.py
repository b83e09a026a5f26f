import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crowsg.code.manifest import Entry, Manifest
from crowsg.code.server import CodeServer, code_paths
from crowsg.errors import (
    CodePathError,
    CodeRefused,
    CodeVersionChanged,
    NameTaken,
    NoSuchScenario,
)
from tests.code.peers import SenderDied, everything, peer, to

SCENARIO = "def init(): pass\ndef start(user_id): pass\n"
HELPER = "required_variables = [Variable('host', 'host under test')]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "load"
    found.mkdir()
    return found


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without ./scenarios."""
    found = tmp_path / "elsewhere"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


def names(folder: Path) -> list[str]:
    return [source.name for source in CodeServer([folder]).scenarios()]


def test_scenarios_are_listed_by_name(folder: Path) -> None:
    for name in ("b", "a_b", "a", "a-b"):
        (folder / f"{name}.py").write_text(SCENARIO, encoding="utf-8")

    assert names(folder) == ["a", "a-b", "a_b", "b"]


def test_helpers_are_configurable_but_no_scenarios(folder: Path) -> None:
    (folder / "chat.py").write_text(SCENARIO + HELPER, encoding="utf-8")
    (folder / "peers.py").write_text(HELPER, encoding="utf-8")

    assert [source.name for source in CodeServer([folder]).configurable()] == ["peers"]


def test_a_scenario_written_later_is_listed(folder: Path) -> None:
    server = CodeServer([folder])
    server.scenarios()

    (folder / "chat.py").write_text(SCENARIO, encoding="utf-8")

    assert [source.name for source in server.scenarios()] == ["chat"]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("chat.txt", id="other-suffix"),
        pytest.param("deeper/chat.py", id="deeper"),
        pytest.param(".chat.py", id="hidden"),
        pytest.param("__init__.py", id="package"),
        pytest.param("chat.py/x", id="folder"),
    ],
)
def test_other_files_are_not_looked_at(folder: Path, path: str) -> None:
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text(SCENARIO, encoding="utf-8")

    assert names(folder) == []


def test_a_broken_file_does_not_break_the_listing(folder: Path) -> None:
    (folder / "broken.py").write_text("(", encoding="utf-8")
    (folder / "chat.py").write_text(SCENARIO, encoding="utf-8")

    assert names(folder) == ["chat"]


def test_a_broken_file_is_listed_with_the_reason(folder: Path) -> None:
    path = folder / "broken.py"
    path.write_text("(", encoding="utf-8")

    assert CodeServer([folder]).unreadable() == ((path, "line 1: '(' was never closed"),)


def test_a_link_to_nowhere_is_listed_as_unreadable(folder: Path) -> None:
    (folder / "chat.py").symlink_to(folder / "nowhere.py")

    ((path, _),) = CodeServer([folder]).unreadable()

    assert path == folder / "chat.py"


@pytest.mark.parametrize("first", [SCENARIO, "("], ids=["sound", "broken"])
def test_a_name_belongs_to_the_first_folder(folder: Path, elsewhere: Path, first: str) -> None:
    (folder / "chat.py").write_text(first, encoding="utf-8")
    (elsewhere / "chat.py").write_text(SCENARIO, encoding="utf-8")
    server = CodeServer([folder, elsewhere])

    paths = [source.path for source in server.scenarios()] + [p for p, _ in server.unreadable()]

    assert paths == [folder / "chat.py"]


def test_a_server_without_folders_knows_nothing() -> None:
    assert CodeServer([]).scenarios() == ()


def test_a_scenario_is_found_by_name(folder: Path) -> None:
    (folder / "chat.py").write_text("(", encoding="utf-8")

    assert CodeServer([folder]).find("chat") == folder / "chat.py"


@pytest.mark.parametrize("given", ["chat.py", "./chat.py", "../elsewhere/chat", "{}/chat.py"])
def test_a_scenario_is_found_by_path(elsewhere: Path, given: str) -> None:
    for name in ("chat", "chat.py"):
        (elsewhere / name).write_text("", encoding="utf-8")

    found = CodeServer([]).find(given.format(elsewhere))

    assert found == Path(given.format(elsewhere))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("chat", id="name"),
        pytest.param("chat.py", id="file"),
        pytest.param("./chat", id="path"),
        pytest.param("..", id="dots"),
        pytest.param("", id="empty"),
        pytest.param("folder/", id="folder"),
        pytest.param("null\0byte", id="null-byte"),
    ],
)
def test_what_is_not_there_is_not_found(elsewhere: Path, folder: Path, given: str) -> None:
    (elsewhere / "folder").mkdir()

    with pytest.raises(NoSuchScenario):
        CodeServer([folder]).find(given)


def test_a_name_that_is_not_found_says_where_was_searched(folder: Path, elsewhere: Path) -> None:
    with pytest.raises(NoSuchScenario, match=f"no scenario 'chat' in {folder}, {elsewhere}$"):
        CodeServer([folder, elsewhere]).find("chat")


def test_folders_that_exist_pass_the_check(folder: Path) -> None:
    CodeServer([folder]).check()


def test_the_check_names_every_wrong_folder(folder: Path) -> None:
    file, missing = folder / "file", folder / "missing"
    file.touch()

    with pytest.raises(CodePathError) as caught:
        CodeServer([file, folder, missing]).check()

    assert str(caught.value) == (f"wrong code paths: {file} is no folder; {missing} does not exist")


def test_constructing_a_server_touches_no_folder(folder: Path) -> None:
    assert CodeServer([folder / "missing"]).folders == (folder / "missing",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("  ", [], id="blank"),
        pytest.param("/a", ["/a"], id="one"),
        pytest.param(f"/a{os.pathsep}/b c", ["/a", "/b c"], id="separated"),
        pytest.param(f"/a{os.pathsep}{os.pathsep}", ["/a"], id="empty-parts"),
        pytest.param("['/a', '/b:c']", ["/a", "/b:c"], id="list"),
        pytest.param("[]", [], id="empty-list"),
        pytest.param(f"/b{os.pathsep}/a{os.pathsep}/b", ["/b", "/a"], id="each-once"),
    ],
)
def test_code_paths_are_read_from_text(elsewhere: Path, text: str, expected: list[str]) -> None:
    assert [str(path) for path in code_paths(text)] == expected


def test_code_paths_are_absolute(elsewhere: Path) -> None:
    assert code_paths("load") == (elsewhere / "load",)


def test_the_home_folder_has_its_short_form(elsewhere: Path) -> None:
    assert code_paths("~/load") == (Path.home() / "load",)


def test_the_scenarios_folder_is_searched_last(elsewhere: Path) -> None:
    (elsewhere / "scenarios").mkdir()

    assert code_paths("/a") == (Path("/a"), elsewhere / "scenarios")


@pytest.mark.parametrize("text", ["[", "[1]", "['/a', 2]", "['/a'] + x", "[] []"])
def test_a_list_that_is_none_is_refused(elsewhere: Path, text: str) -> None:
    with pytest.raises(CodePathError, match="CROWSG_EXTRA_CODE_PATHS is no list of texts"):
        code_paths(text)


CHAT = "import peers\n" + SCENARIO


@pytest.fixture
def sender(folder: Path, elsewhere: Path) -> CodeServer:
    """Who has a scenario with a helper in its folder."""
    (folder / "chat.py").write_text(CHAT, encoding="utf-8")
    (folder / "peers.py").write_text(HELPER, encoding="utf-8")
    (folder / "other.py").write_text(SCENARIO, encoding="utf-8")
    return CodeServer([folder])


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[CodeServer]:
    """Who has nothing."""
    with peer(tmp_path / "receiver") as server:
        yield server


def files(server: CodeServer, reference: str | Path | ModuleType) -> list[str]:
    return [path for path, _ in server.bundle_of(reference).files]


def digest(server: CodeServer, reference: str = "chat") -> str:
    return server.bundle_of(reference).digest


@pytest.mark.parametrize("given", ["chat", "{}/chat.py", "../load/chat.py"])
def test_a_bundle_is_made_of_a_name_or_a_path(sender: CodeServer, folder: Path, given: str) -> None:
    assert files(sender, given.format(folder)) == ["chat.py", "peers.py"]


def test_a_bundle_is_made_of_a_path_that_is_none_of_text(sender: CodeServer, folder: Path) -> None:
    assert files(sender, folder / "chat.py") == ["chat.py", "peers.py"]


def test_a_bundle_is_made_of_a_module(sender: CodeServer, folder: Path) -> None:
    module = ModuleType("chat")
    module.__file__ = str(folder / "chat.py")

    assert files(sender, module) == ["chat.py", "peers.py"]


def test_a_bundle_is_made_of_a_folder_on_the_code_paths(sender: CodeServer, folder: Path) -> None:
    (folder / "cart").mkdir()
    (folder / "cart/__init__.py").touch()

    assert files(sender, "cart") == ["cart/__init__.py"]


@pytest.mark.parametrize("given", [".", "../load", "{}"])
def test_a_bundle_is_made_of_a_folder(
    sender: CodeServer, folder: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(folder)

    assert files(sender, given.format(folder)) == ["chat.py", "other.py", "peers.py"]


@pytest.mark.parametrize("given", ["nowhere", "nowhere.py", "./nowhere", "", "null\0byte", "a b"])
def test_what_is_not_there_cannot_be_marked(sender: CodeServer, given: str) -> None:
    with pytest.raises(NoSuchScenario):
        sender.add_module(given)


def test_what_is_installed_is_not_distributed_under_its_name(
    sender: CodeServer, folder: Path
) -> None:
    (folder / "click.py").write_text(SCENARIO, encoding="utf-8")

    with pytest.raises(NameTaken, match="click is another module on this node"):
        sender.bundle_of("click")


def test_marking_tells_the_name(sender: CodeServer, folder: Path) -> None:
    assert (sender.add_module("chat"), sender.add_module(folder)) == ("chat", "load")


def test_a_marked_module_from_elsewhere_is_found_by_its_name(folder: Path, elsewhere: Path) -> None:
    (folder / "chat.py").write_text(SCENARIO, encoding="utf-8")
    server = CodeServer([])

    server.add_module(folder / "chat.py")

    assert server.find("chat") == folder / "chat.py"


def test_a_marked_folder_s_scenarios_are_listed(folder: Path, elsewhere: Path) -> None:
    (folder / "chat.py").write_text(SCENARIO, encoding="utf-8")
    server = CodeServer([])

    server.add_module(folder)

    assert [source.name for source in server.scenarios()] == ["chat"]


def test_only_what_is_marked_is_sent(sender: CodeServer, receiver: CodeServer) -> None:
    sender.add_module("chat")

    assert sender.distribute_to(to(receiver)) == {"chat": "sent"}
    assert [source.name for source in receiver.scenarios()] == ["chat"]


def test_nothing_marked_is_nothing_sent(sender: CodeServer, receiver: CodeServer) -> None:
    assert sender.distribute_to(to(receiver)) == {}


def test_of_what_is_marked_only_what_is_asked_for_is_sent(
    sender: CodeServer, receiver: CodeServer
) -> None:
    sender.add_module("chat")
    sender.add_module("other")

    assert sender.distribute_to(to(receiver), ["other"]) == {"other": "sent"}


def test_what_is_asked_for_need_not_be_marked(sender: CodeServer, receiver: CodeServer) -> None:
    assert sender.distribute_to(to(receiver), ["chat"]) == {"chat": "sent"}


def test_a_name_that_is_not_there_stops_all(sender: CodeServer, receiver: CodeServer) -> None:
    with pytest.raises(NoSuchScenario):
        sender.distribute_to(to(receiver), ["chat", "nowhere"])

    assert receiver.scenarios() == ()


def test_what_is_sent_is_as_it_was_when_it_was_marked(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    sender.add_module("chat")
    marked = digest(sender)
    (folder / "chat.py").write_text(CHAT + "# later\n", encoding="utf-8")

    sender.distribute_to(to(receiver))

    assert digest(receiver) == marked


def test_code_that_came_is_handed_on_whole(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    (folder / "users.csv").touch()
    sender.add_module(folder)
    sender.distribute_to(to(receiver))

    assert receiver.bundle_of("chat") == sender.bundle_of(folder)


def test_code_that_came_is_found_first(sender: CodeServer, tmp_path: Path, elsewhere: Path) -> None:
    with peer(tmp_path / "receiver", elsewhere) as receiver:
        sender.distribute_to(to(receiver), ["chat"])
        (elsewhere / "chat.py").write_text("later", encoding="utf-8")

        assert receiver.find("chat").read_text(encoding="utf-8") == CHAT


def bring_twice(sender: CodeServer, receiver: CodeServer, folder: Path) -> None:
    """Bring a helper by its own name, then a later version of it with a scenario."""
    sender.distribute_to(to(receiver), ["peers"])
    (folder / "peers.py").write_text(HELPER + "# new\n", encoding="utf-8")
    sender.distribute_to(to(receiver), ["chat"])


def test_what_came_under_its_own_name_is_found_before_what_came_with_something_else(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    bring_twice(sender, receiver, folder)

    assert receiver.find("peers").read_text(encoding="utf-8") == HELPER


def test_a_version_that_is_known_is_the_one_that_is_found(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    bring_twice(sender, receiver, folder)
    (folder / "peers.py").write_text(HELPER, encoding="utf-8")

    assert sender.distribute_to(to(receiver), ["peers"]) == {"peers": "known"}

    receiver.pin({"peers": digest(sender, "peers")}, "run-1")
    assert receiver.find("peers").read_text(encoding="utf-8") == HELPER


def test_what_is_found_is_what_is_listed(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    bring_twice(sender, receiver, folder)

    assert [each.path for each in receiver.configurable()] == [receiver.find("peers")]


def test_the_version_that_came_is_written_down_once(
    sender: CodeServer, receiver: CodeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "crowsg")

    for _ in range(2):
        sender.distribute_to(to(receiver), ["chat"])

    version = digest(sender)[:12]
    assert caplog.messages == [f"version {version} of chat came from another node"]


def test_who_brought_a_version_is_written_down(
    sender: CodeServer, receiver: CodeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "crowsg")
    bundle = sender.bundle_of("chat")
    upload = to(receiver, dies_after=2)
    with pytest.raises(SenderDied):
        sender.send(upload, bundle)

    receiver.installed({"name": "chat", "digest": bundle.digest}, "w1@host")

    assert caplog.messages == [f"version {bundle.digest[:12]} of chat came from w1@host"]


def test_code_that_came_is_gone_when_the_node_stops(
    sender: CodeServer, receiver: CodeServer, tmp_path: Path
) -> None:
    sender.distribute_to(to(receiver), ["chat"])

    receiver.close()

    assert (receiver.folders, everything(tmp_path / "receiver")) == ((), {})


@pytest.mark.parametrize("calls", [1, 2], ids=["after-the-offer", "before-the-end"])
def test_when_the_sender_dies_nothing_is_there(
    sender: CodeServer, receiver: CodeServer, tmp_path: Path, calls: int
) -> None:
    with pytest.raises(SenderDied):
        sender.distribute_to(to(receiver, dies_after=calls), ["chat"])

    assert (receiver.folders, everything(tmp_path / "receiver")) == ((), {})


def test_after_a_sender_died_another_begins_again(sender: CodeServer, receiver: CodeServer) -> None:
    with pytest.raises(SenderDied):
        sender.distribute_to(to(receiver, dies_after=2), ["chat"])

    assert sender.distribute_to(to(receiver), ["chat"]) == {"chat": "sent"}


def test_every_call_may_come_twice(sender: CodeServer, receiver: CodeServer) -> None:
    once = to(receiver)

    def twice(method: str, body: Any) -> Any:
        return once(method, body) and once(method, body)

    assert sender.distribute_to(twice, ["chat"]) == {"chat": "sent"}


def test_two_senders_of_the_same_do_not_disturb_each_other(
    sender: CodeServer, receiver: CodeServer
) -> None:
    once = to(receiver)

    def interrupted(method: str, body: Any) -> Any:
        if method == "code_chunk":
            sender.distribute_to(once, ["chat"])
        return once(method, body)

    assert sender.distribute_to(interrupted, ["chat"]) == {"chat": "sent"}


TRAVERSALS = [
    "../x.py",
    "/abs.py",
    "a/../../x.py",
    "..\\x.py",
    "x\0.py",
    "\uff0e\uff0e/x.py",
    "CON",
    "C:x",
]


def offer(*entries: Entry, name: str = "chat") -> Any:
    return Manifest.of(name, entries).plain()


@pytest.mark.parametrize("path", [*TRAVERSALS, "x" * 65_536])
def test_a_path_that_leaves_the_folder_is_refused_and_nothing_is_touched(
    receiver: CodeServer, tmp_path: Path, path: str
) -> None:
    before = everything(tmp_path)

    for method, body in (
        (receiver.offered, offer(Entry.of(path, b"x = 1\n"))),
        (receiver.received, {"name": "chat", "digest": "0" * 64, "index": 0, "data": b"x = 1\n"}),
        (receiver.installed, {"name": "chat", "digest": "0" * 64}),
    ):
        with pytest.raises(CodeRefused):
            method(body)

    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["os", "gevent", "crowsg", "crowsg_x", "click", "pytest", "class"])
@pytest.mark.parametrize("path", ["{}.py", "{}/__init__.py"])
def test_a_name_that_would_shadow_another_is_refused(
    receiver: CodeServer, name: str, path: str
) -> None:
    with pytest.raises(CodeRefused, match=name):
        receiver.offered(offer(Entry.of(path.format(name), b"")))


@pytest.mark.parametrize("name", ["../chat", "x" * 65_536, "", "\0"])
def test_a_bundle_of_a_wrong_name_is_refused(receiver: CodeServer, name: str) -> None:
    with pytest.raises(CodeRefused):
        receiver.offered(offer(Entry.of("chat.py", b""), name=name))


def test_a_wrong_digest_is_refused(receiver: CodeServer) -> None:
    with pytest.raises(CodeRefused, match="digest"):
        receiver.offered({**offer(Entry.of("chat.py", b"")), "digest": "0" * 64})


@pytest.mark.parametrize(
    ("promised", "data"),
    [
        pytest.param(b"x = 1\n", b"x = 2\n", id="another-content"),
        pytest.param(b"x = (\n", b"x = (\n", id="no-python"),
    ],
)
def test_contents_that_cannot_be_used_leave_nothing(
    receiver: CodeServer, tmp_path: Path, promised: bytes, data: bytes
) -> None:
    plain = offer(Entry.of("chat.py", promised))
    end = {"name": "chat", "digest": plain["digest"]}
    receiver.offered(plain)
    receiver.received({**end, "index": 0, "data": data})

    with pytest.raises(CodeRefused):
        receiver.installed(end)

    assert (receiver.folders, everything(tmp_path / "receiver")) == ((), {})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="empty"),
        pytest.param({"name": 1, "digest": 2, "index": 0, "data": b""}, id="wrong-types"),
        pytest.param({"name": "chat", "digest": "../x", "index": 0, "data": b""}, id="path"),
    ],
)
def test_what_is_no_message_is_refused(receiver: CodeServer, body: Any) -> None:
    for method in (receiver.offered, receiver.received, receiver.installed):
        with pytest.raises(CodeRefused):
            method(body)


def test_other_code_under_the_node_s_own_names_is_refused(
    sender: CodeServer, tmp_path: Path, elsewhere: Path
) -> None:
    (elsewhere / "peers.py").write_text("another = 1\n", encoding="utf-8")

    with (
        peer(tmp_path / "receiver", elsewhere) as receiver,
        pytest.raises(CodeRefused, match=r"peers is another module on this node, .*peers\.py"),
    ):
        sender.distribute_to(to(receiver), ["chat"])


def test_while_a_run_uses_it_another_version_is_refused(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    sender.distribute_to(to(receiver), ["chat"])
    receiver.pin({"chat": digest(sender)}, "run-1")
    (folder / "peers.py").write_text(HELPER + "# new\n", encoding="utf-8")

    with pytest.raises(CodeVersionChanged):
        sender.distribute_to(to(receiver), ["chat"])


def test_a_run_that_begins_during_an_upload_keeps_its_version(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    sender.distribute_to(to(receiver), ["chat"])
    first, once = digest(sender), to(receiver)
    (folder / "chat.py").write_text(CHAT + "# new\n", encoding="utf-8")

    def call(method: str, body: Any) -> Any:
        if method == "code_finish":
            receiver.pin({"chat": first}, "run-1")
        return once(method, body)

    with pytest.raises(CodeVersionChanged):
        sender.distribute_to(call, ["chat"])
    assert digest(receiver) == first


def test_while_a_run_uses_it_other_code_is_taken(sender: CodeServer, receiver: CodeServer) -> None:
    sender.distribute_to(to(receiver), ["chat"])
    receiver.pin({"chat": digest(sender)}, "run-1")

    assert sender.distribute_to(to(receiver), ["other"]) == {"other": "sent"}


def test_after_the_run_the_new_version_takes_its_place(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    sender.distribute_to(to(receiver), ["chat"])
    receiver.pin({"chat": digest(sender)}, "run-1")
    receiver.release("run-1")
    (folder / "chat.py").write_text(CHAT + "# new\n", encoding="utf-8")

    assert sender.distribute_to(to(receiver), ["chat"]) == {"chat": "sent"}
    assert receiver.find("chat").read_text(encoding="utf-8").endswith("# new\n")


def test_a_former_version_may_come_back(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    for text in (CHAT, CHAT + "# new\n", CHAT):
        (folder / "chat.py").write_text(text, encoding="utf-8")
        sender.distribute_to(to(receiver), ["chat"])

    assert receiver.find("chat").read_text(encoding="utf-8") == CHAT


def test_another_version_than_the_one_here_cannot_be_pinned(
    sender: CodeServer, receiver: CodeServer
) -> None:
    sender.distribute_to(to(receiver), ["chat"])

    with pytest.raises(CodeRefused, match="this node has version"):
        receiver.pin({"chat": "0" * 64}, "run-1")


def test_the_node_s_own_version_cannot_be_pinned_when_it_has_changed(
    sender: CodeServer, tmp_path: Path, folder: Path
) -> None:
    with peer(tmp_path / "receiver", folder) as receiver:
        sender.distribute_to(to(receiver), ["chat"])
        before = digest(sender)
        (folder / "peers.py").write_text(HELPER + "# new\n", encoding="utf-8")

        with pytest.raises(CodeRefused, match="own files are not version"):
            receiver.pin({"chat": before}, "run-1")


def test_a_node_leads_with_another_version_than_the_one_that_came(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    sender.distribute_to(to(receiver), ["chat"])
    (folder / "peers.py").write_text(HELPER + "# new\n", encoding="utf-8")

    bundle = receiver.bundle_of(folder / "chat.py")
    receiver.pin_own(bundle, "run-1")

    assert bundle == sender.bundle_of("chat")
    assert receiver.find(str(folder / "chat.py")) == folder / "chat.py"


def test_a_node_leads_with_another_version_of_its_own_than_was_known(
    sender: CodeServer, tmp_path: Path, folder: Path
) -> None:
    with peer(tmp_path / "receiver", folder) as receiver:
        sender.distribute_to(to(receiver), ["chat"])
        (folder / "peers.py").write_text(HELPER + "# new\n", encoding="utf-8")

        receiver.pin_own(receiver.bundle_of("chat"), "run-1")


def test_what_a_node_leads_with_stays_until_its_run_has_ended(
    sender: CodeServer, receiver: CodeServer, folder: Path
) -> None:
    receiver.pin_own(receiver.bundle_of(folder / "chat.py"), "run-1")
    (folder / "peers.py").write_text(HELPER + "# new\n", encoding="utf-8")

    with pytest.raises(CodeVersionChanged):
        sender.distribute_to(to(receiver), ["chat"])

    receiver.release("run-1")
    assert sender.distribute_to(to(receiver), ["chat"]) == {"chat": "sent"}


def test_the_node_s_own_version_takes_the_place_of_one_that_came(
    sender: CodeServer, tmp_path: Path, elsewhere: Path, folder: Path
) -> None:
    with peer(tmp_path / "receiver", elsewhere) as receiver:
        sender.distribute_to(to(receiver), ["other"])
        for file in (folder, elsewhere):
            (file / "other.py").write_text(SCENARIO + "# new\n", encoding="utf-8")

        assert sender.distribute_to(to(receiver), ["other"]) == {"other": "known"}
        assert receiver.find("other") == elsewhere / "other.py"


def test_while_a_run_uses_it_another_version_cannot_be_marked(
    sender: CodeServer, folder: Path
) -> None:
    sender.add_module("chat")
    sender.pin({"chat": digest(sender)}, "run-1")
    (folder / "chat.py").write_text(CHAT + "# new\n", encoding="utf-8")

    with pytest.raises(CodeVersionChanged):
        sender.add_module("chat")


def test_another_version_is_refused_before_it_is_sent(
    sender: CodeServer, receiver: CodeServer
) -> None:
    calls: list[str] = []
    receiver.pin({"chat": "0" * 64}, "run-1")

    with pytest.raises(CodeVersionChanged):
        sender.distribute_to(to(receiver, calls), ["chat"])

    assert calls == ["code_offer"]


def test_a_file_that_comes_during_an_upload_is_not_hidden(
    sender: CodeServer, tmp_path: Path, elsewhere: Path
) -> None:
    with peer(tmp_path / "receiver", elsewhere) as receiver:
        once = to(receiver)

        def call(method: str, body: Any) -> Any:
            if method == "code_finish":
                (elsewhere / "peers.py").write_text("another = 1\n", encoding="utf-8")
            return once(method, body)

        with pytest.raises(CodeRefused, match="peers is another module"):
            sender.distribute_to(call, ["chat"])
        assert everything(tmp_path / "receiver") == {}


def test_after_a_wrong_upload_the_right_one_is_taken(receiver: CodeServer) -> None:
    plain = offer(Entry.of("chat.py", b"x = 1\n"))
    end = {"name": "chat", "digest": plain["digest"]}
    receiver.offered(plain)
    receiver.received({**end, "index": 0, "data": b"x = 2\n"})
    with pytest.raises(CodeRefused):
        receiver.installed(end)

    receiver.offered(plain)
    receiver.received({**end, "index": 0, "data": b"x = 1\n"})

    assert receiver.installed(end) == {"answer": "installed"}


def test_code_that_came_can_be_pinned_after_the_node_s_own_is_gone(
    sender: CodeServer, tmp_path: Path, elsewhere: Path
) -> None:
    for path, data in sender.bundle_of("chat").files:
        (elsewhere / path).write_bytes(data)
    with peer(tmp_path / "receiver", elsewhere) as receiver:
        sender.distribute_to(to(receiver), ["chat"])
        for file in elsewhere.glob("*.py"):
            file.unlink()

        sender.distribute_to(to(receiver), ["chat"])

        receiver.pin({"chat": digest(sender)}, "run-1")


@pytest.mark.parametrize("reference", ["load", "chat"], ids=["name", "module-in-it"])
def test_a_folder_that_came_can_be_marked_and_brought_further(
    sender: CodeServer, receiver: CodeServer, tmp_path: Path, folder: Path, reference: str
) -> None:
    sender.add_module(folder)
    sender.distribute_to(to(receiver))

    assert receiver.add_module(reference) == "load"
    with peer(tmp_path / "third") as third:
        assert receiver.distribute_to(to(third)) == {"load": "sent"}
        assert third.bundle_of("load") == sender.bundle_of(folder)


def test_marking_what_came_adds_no_code_path(sender: CodeServer, receiver: CodeServer) -> None:
    sender.distribute_to(to(receiver), ["chat"])
    before = receiver.folders

    receiver.add_module("chat")

    assert receiver.folders == before
