from collections.abc import Callable
from pathlib import Path

import pytest

from crowsg.errors import InvalidScenario, UnmetDependencies
from crowsg.scenario.dependencies import check, examine

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Returns a function that makes a package look installed."""
    place = tmp_path / "installed"
    place.mkdir()
    monkeypatch.syspath_prepend(place)

    def record(name: str, version: str, *requires: str) -> None:
        folder = place / f"{name}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}"]
        lines += [f"Version: {version}"] if version else []
        lines += [f"Requires-Dist: {text}" for text in requires]
        (folder / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return record


def scenario(folder: Path, block: str = "", requirements: str | None = None) -> Path:
    path = folder / "chat.py"
    lines = ["# " + line if line else "#" for line in block.splitlines()]
    wrapped = ["# /// script", *lines, "# ///"] if block else []
    path.write_text("\n".join([*wrapped, "x = 1", ""]), encoding="utf-8")
    if requirements is not None:
        (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    return examine(path).problems


def test_a_scenario_that_asks_for_nothing_is_met(tmp_path: Path) -> None:
    check(scenario(tmp_path))


def test_an_installed_package_is_met(tmp_path: Path, install: Install) -> None:
    install("peers", "1.2")

    check(scenario(tmp_path, 'dependencies = ["peers>=1"]', "peers<2\n"))


def test_a_missing_package_is_unmet(tmp_path: Path) -> None:
    assert problems(scenario(tmp_path, 'dependencies = ["peers>=1"]')) == [
        "peers>=1 is not installed"
    ]


def test_another_version_is_unmet(tmp_path: Path, install: Install) -> None:
    install("peers", "1.2")

    assert problems(scenario(tmp_path, 'dependencies = ["peers>=2"]')) == [
        "peers>=2: installed 1.2"
    ]


@pytest.mark.parametrize(
    ("version", "shown"), [("", "in an unknown version"), ("tuesday", "tuesday")]
)
def test_a_package_without_a_sound_version_is_unmet(
    tmp_path: Path, install: Install, version: str, shown: str
) -> None:
    install("peers", version)

    assert problems(scenario(tmp_path, 'dependencies = ["peers>=2"]')) == [
        f"peers>=2: installed {shown}"
    ]


def test_a_pre_release_that_is_installed_is_good_enough(tmp_path: Path, install: Install) -> None:
    install("peers", "2.0rc1")

    check(scenario(tmp_path, 'dependencies = ["peers>=1"]'))


def test_names_are_compared_as_packages_are_named(tmp_path: Path, install: Install) -> None:
    install("many_peers", "1.2")

    check(scenario(tmp_path, 'dependencies = ["Many.Peers"]'))


def test_all_that_is_unmet_is_reported_at_once(tmp_path: Path, install: Install) -> None:
    install("old", "1.2")
    path = scenario(
        tmp_path, 'requires-python = ">=9"\ndependencies = ["peers", "old>2"]', "crows\n???\n"
    )

    with pytest.raises(UnmetDependencies) as caught:
        check(path)

    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "Python >=9",
        "peers is not installed",
        "old>2",
        "crows is not installed",
        "requirements.txt line 2",
    ]


def test_the_remedy_names_what_an_installation_would_meet(tmp_path: Path) -> None:
    path = scenario(tmp_path, 'requires-python = ">=9"\ndependencies = ["peers[tcp]>=1"]')

    with pytest.raises(UnmetDependencies, match=r"pip install 'peers\[tcp\]>=1'$"):
        check(path)


def test_what_is_asked_for_twice_is_reported_once(tmp_path: Path) -> None:
    path = scenario(tmp_path, 'dependencies = ["peers", "peers"]', "peers\n")

    assert problems(path) == ["peers is not installed"]


def test_a_block_may_hold_empty_comment_lines(tmp_path: Path) -> None:
    path = scenario(tmp_path, 'requires-python = ">=3"\n\ndependencies = [\n  "peers",\n]')

    assert examine(path).requirements == ["peers"]


def test_a_block_that_is_not_closed_is_no_block(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    path.write_text('# /// script\n# dependencies = ["peers"]\nx = 1\n', encoding="utf-8")

    check(path)


def test_the_version_of_python_is_kept_for_display(tmp_path: Path) -> None:
    assert examine(scenario(tmp_path, 'requires-python = ">=3.11"')).requires_python == ">=3.11"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        pytest.param("dependencies = [", "the script block is no TOML", id="no-toml"),
        pytest.param("dependencies = 'peers'", "dependencies is no list of texts", id="text"),
        pytest.param("dependencies = [1]", "dependencies is no list of texts", id="numbers"),
        pytest.param("dependencies = ['two words']", "script block: 'two words'", id="words"),
        pytest.param("dependencies = ['']", "script block: ''", id="empty"),
        pytest.param("requires-python = 'new'", "no version range: 'new'", id="python-word"),
        pytest.param("requires-python = 3.11", "no version range: 3.11", id="python-number"),
        pytest.param("requires-python = '>=9'", "Python >=9: this is 3.", id="python-too-old"),
    ],
)
def test_a_wrong_block_is_a_problem(tmp_path: Path, block: str, said: str) -> None:
    (problem,) = problems(scenario(tmp_path, block))

    assert said in problem


def test_two_blocks_are_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    block = "# /// script\n# dependencies = []\n# ///\n"
    path.write_text(f"{block}x = 1\n{block}", encoding="utf-8")

    assert problems(path) == ["the file has more than one script block"]


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("\ufeffpeers\n", ["peers"], id="byte-order-mark"),
        pytest.param("# a comment\n\npeers  # why\n  # more\n", ["peers"], id="comments"),
        pytest.param("peers @ https://x/y#egg=z\n", ["peers @ https://x/y#egg=z"], id="hash-mark"),
        pytest.param("peers\\\n>=1,\\\n<2\ncrows", ["peers<2,>=1", "crows"], id="continuation"),
        pytest.param("peers \\\n# cut\ncrows\n", ["peers", "crows"], id="comment-continues"),
        pytest.param("peers\\", ["peers"], id="continued-into-nothing"),
        pytest.param("-i https://x\n--pre\n-e ./y\npeers\n", ["peers"], id="options"),
        pytest.param("peers==1 --hash=sha256:0\n", ["peers==1"], id="option-of-a-line"),
        pytest.param("peers \\\n  --hash=sha256:0 \\\n  --hash=sha256:1\n", ["peers"], id="hashes"),
        pytest.param("peers; python_version < '3'\n", [], id="marker-says-no"),
        pytest.param(
            "peers; python_version > '3'\n", ['peers; python_version > "3"'], id="marker-says-yes"
        ),
        pytest.param("peers; extra == 'tcp'\n", [], id="marker-of-an-extra"),
    ],
)
def test_a_requirements_file_is_read_as_an_installer_reads_it(
    tmp_path: Path, text: str, requirements: list[str]
) -> None:
    assert examine(scenario(tmp_path, "", text)).requirements == requirements


@pytest.mark.parametrize("option", ["-r ", "-r", "--requirement ", "--requirement="])
def test_included_files_count(tmp_path: Path, option: str) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "some.txt").write_text("-r others.txt\npeers\n", encoding="utf-8")
    (tmp_path / "more" / "others.txt").write_text("crows\n", encoding="utf-8")

    found = examine(scenario(tmp_path, "", f"{option}more/some.txt  # why\n"))

    assert found.requirements == ["crows", "peers"]


def test_files_that_include_one_another_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("-r requirements.txt\npeers\n", encoding="utf-8")

    found = examine(scenario(tmp_path, "", "-r other.txt\n-r ./other.txt\ncrows\n"))

    assert found.requirements == ["peers", "crows"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("peers\n./crows.whl\n", "requirements.txt line 2: './crows.whl'", id="path"),
        pytest.param("\n\ntwo \\\nwords\n", "requirements.txt line 3: 'two words'", id="words"),
        pytest.param("peers; colour == 'red'\n", "requirements.txt line 1", id="unknown-marker"),
        pytest.param("-r missing.txt\n", "cannot read missing.txt: No such file", id="missing"),
        pytest.param("-r .\n", "Is a directory", id="folder"),
    ],
)
def test_an_unreadable_requirement_is_a_problem(
    tmp_path: Path, install: Install, text: str, said: str
) -> None:
    install("peers", "1")

    (problem,) = problems(scenario(tmp_path, "", text))

    assert said in problem


def test_a_requirements_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    path = scenario(tmp_path)
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfe\xff")

    assert problems(path) == ["requirements.txt is no valid utf-8"]


def test_what_an_extra_needs_is_needed(tmp_path: Path, install: Install) -> None:
    install("peers", "1", "crows>=2; extra == 'tcp'", "ravens; extra == 'udp'", "base")
    install("crows", "1")

    path = scenario(tmp_path, 'dependencies = ["peers[tcp]"]')

    assert problems(path) == ["crows>=2: installed 1"]


def test_extras_that_need_one_another_are_checked_once(tmp_path: Path, install: Install) -> None:
    install("peers", "1", "peers[b]; extra == 'a'", "peers[a]; extra == 'b'", "x; extra == 'b'")

    assert problems(scenario(tmp_path, 'dependencies = ["peers[a]"]')) == ["x is not installed"]


def test_an_unknown_extra_is_ignored(tmp_path: Path, install: Install) -> None:
    install("peers", "1", "no requirement at all; extra == 'tcp'")

    check(scenario(tmp_path, 'dependencies = ["peers[udp]"]'))


def test_a_scenario_that_is_no_text_is_invalid(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    path.write_bytes(b"'\xff'")

    with pytest.raises(InvalidScenario):
        check(path)
