"""Names of modules and files from other nodes: nothing leaves its folder, nothing is shadowed."""

import pytest

from crowsg.code.names import MAX_PATH, module_problems, modules, name_problem, path_problems

WRONG_PATHS = [
    pytest.param("../x.py", id="up"),
    pytest.param("a/../../x.py", id="up-from-below"),
    pytest.param("..", id="dots"),
    pytest.param("./x.py", id="dot"),
    pytest.param("/abs.py", id="absolute"),
    pytest.param("//host/x.py", id="host"),
    pytest.param("a//x.py", id="empty-part"),
    pytest.param("a/", id="folder"),
    pytest.param("", id="empty"),
    pytest.param("..\\x.py", id="backslash"),
    pytest.param("C:x.py", id="drive"),
    pytest.param("x.py:stream", id="stream"),
    pytest.param("x\0.py", id="NUL"),
    pytest.param("x\n.py", id="line-break"),
    pytest.param("\x1b[2J.txt", id="escape"),
    pytest.param("\u202etxt.py", id="right-to-left"),
    pytest.param("\uff0e\uff0e/x.py", id="full-width-dots"),
    pytest.param("\u2025/x.py", id="two-dot-leader"),
    pytest.param("a\uff0fx.py", id="full-width-slash"),
    pytest.param("\ud800.txt", id="surrogate"),
    pytest.param("CON", id="device"),
    pytest.param("data/nul.txt", id="device-with-suffix"),
    pytest.param("data/Com1.tar.gz", id="device-with-suffixes"),
    pytest.param("data./x", id="trailing-dot"),
    pytest.param("data /x", id="trailing-blank"),
    pytest.param(" data/x", id="leading-blank"),
    pytest.param(".hidden", id="hidden"),
    pytest.param(".git/config", id="hidden-folder"),
    pytest.param("__pycache__/x.txt", id="cache"),
    pytest.param("x.pyc", id="bytecode"),
    pytest.param("x.so", id="compiled"),
    pytest.param("x.cpython-311-x86_64-linux-gnu.so", id="compiled-for-a-version"),
    pytest.param("x" * (MAX_PATH + 1), id="too-long"),
    pytest.param("x/" * 32_000 + "x", id="64-kB"),
]


@pytest.mark.parametrize("path", WRONG_PATHS)
def test_a_path_that_could_mean_another_file_is_refused(path: str) -> None:
    assert len(path_problems([path])) == 1


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("x.py", id="module"),
        pytest.param("cart/__init__.py", id="package"),
        pytest.param("cart/data/users.csv", id="data"),
        pytest.param("Größe 1.txt", id="other-letters"),
        pytest.param("console.txt", id="begins-like-a-device"),
        pytest.param("a...b", id="dots-inside"),
        pytest.param("x" * MAX_PATH, id="longest"),
    ],
)
def test_a_path_below_its_folder_is_fine(path: str) -> None:
    assert path_problems([path]) == []


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(["x.py", "X.py"], id="case"),
        pytest.param(["a/x", "A/y"], id="case-of-a-folder"),
        pytest.param(["x.py", "x.py"], id="twice"),
        pytest.param(["straße", "STRASSE"], id="case-of-other-letters"),
        pytest.param(["a", "a/x"], id="file-and-folder"),
        pytest.param(["A", "a/b/x"], id="file-and-folder-of-another-case"),
    ],
)
def test_paths_that_clash_on_some_system_are_refused(paths: list[str]) -> None:
    assert len(path_problems(paths)) == 1


def test_every_wrong_path_is_named() -> None:
    assert len(path_problems(["../a", "b", "/c"])) == 2


def test_a_problem_shows_no_control_characters() -> None:
    (problem,) = path_problems(["\x1b[2J"])

    assert problem.isprintable()


def test_a_problem_is_short_however_long_the_path() -> None:
    (problem,) = path_problems(["x" * 65_536])

    assert len(problem) < 200


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("os", id="standard-library"),
        pytest.param("antigravity", id="standard-library-unused"),
        pytest.param("sys", id="built-in"),
        pytest.param("class", id="keyword"),
        pytest.param("crowsg", id="crowsg"),
        pytest.param("crowsg_chat", id="begins-with-crowsg"),
        pytest.param("a" * 65, id="too-long"),
        pytest.param("x" * 65_536, id="64-kB"),
        pytest.param("Chat", id="upper-case"),
        pytest.param("_chat", id="underscore"),
        pytest.param("1chat", id="digit"),
        pytest.param("a-b", id="dash"),
        pytest.param("a.b", id="dot"),
        pytest.param("\u0441hat", id="look-alike"),
        pytest.param("\uff43hat", id="full-width"),
        pytest.param("chat\n", id="line-break"),
    ],
)
@pytest.mark.parametrize("path", ["{}.py", "{}/x.py", "{}/deeper/x.py"])
def test_a_module_of_a_wrong_name_is_refused(name: str, path: str) -> None:
    assert len(module_problems([path.format(name)])) == 1


@pytest.mark.parametrize("name", ["a", "chat", "chat_2", "a" * 64])
def test_a_plain_module_is_fine(name: str) -> None:
    assert module_problems([f"{name}.py"]) == []


def test_inside_a_package_names_are_free() -> None:
    assert module_problems(["cart/os.py", "cart/_X.py", "cart/__init__.py"]) == []


def test_data_is_no_module() -> None:
    assert modules(["json/data.csv", "os.txt", "README.md"]) == ()


def test_modules_are_listed_once() -> None:
    assert modules(["x.py", "cart/__init__.py", "cart/a/b.py"]) == ("cart", "x")


@pytest.mark.parametrize("name", ["", "..", "a/b", "Load", "x" * 65])
def test_a_bundle_of_a_wrong_name_is_refused(name: str) -> None:
    assert name_problem(name)


def test_a_folder_may_be_called_like_a_module() -> None:
    assert name_problem("test") == ""
