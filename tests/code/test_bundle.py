"""What goes along with a module, a package and a folder, and what does not."""

import os
from pathlib import Path

import pytest

from crowsg.code.bundle import Bundle, from_path
from crowsg.code.manifest import MAX_FILES, MAX_SOURCE_BYTES
from crowsg.errors import CodeRefused

SCENARIO = "def init(): pass\ndef start(user_id): pass\n"


def write(folder: Path, **files: str) -> None:
    """Write files; in their names __ stands for a slash, and .py is added where no dot is."""
    for name, text in files.items():
        write_file(folder, name.replace("__", "/") + ".py", text)


def write_file(folder: Path, path: str, text: str = "") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def paths(bundle: Bundle) -> list[str]:
    return [path for path, _ in bundle.files]


def problems_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(CodeRefused) as caught:
        from_path(path)
    return caught.value.problems


def test_a_module_is_called_like_its_file(tmp_path: Path) -> None:
    write(tmp_path, chat=SCENARIO)

    assert from_path(tmp_path / "chat.py").name == "chat"


def test_contents_go_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_bytes(b"# coding: latin-1\r\nx = '\xe4'\r\n")

    assert from_path(tmp_path / "chat.py").files == (
        ("chat.py", b"# coding: latin-1\r\nx = '\xe4'\r\n"),
    )


def test_local_modules_go_along_with_who_imports_them(tmp_path: Path) -> None:
    write(tmp_path, chat="import peers\n", peers="def f():\n    import deep\n", deep="", other="")

    assert paths(from_path(tmp_path / "chat.py")) == ["chat.py", "deep.py", "peers.py"]


def test_modules_of_other_code_paths_go_along(tmp_path: Path) -> None:
    write(tmp_path, scenarios__chat="import peers\n", shared__peers="")

    bundle = from_path(tmp_path / "scenarios/chat.py", [tmp_path / "shared"])

    assert paths(bundle) == ["chat.py", "peers.py"]


def test_the_module_beside_it_comes_before_that_of_other_code_paths(tmp_path: Path) -> None:
    write(tmp_path, a__chat="import peers\n", a__peers="A = 1\n", b__peers="B = 1\n")

    assert dict(from_path(tmp_path / "a/chat.py", [tmp_path / "b"]).files)["peers.py"] == b"A = 1\n"


def test_of_a_package_the_imported_modules_go_along(tmp_path: Path) -> None:
    write(tmp_path, chat="from cart.deep import thing\n", cart__other="")
    write_file(tmp_path, "cart/__init__.py")
    write_file(tmp_path, "cart/deep/__init__.py")
    write_file(tmp_path, "cart/deep/thing.py", "from .. import near\n")
    write_file(tmp_path, "cart/near.py")

    assert paths(from_path(tmp_path / "chat.py")) == [
        "cart/__init__.py",
        "cart/deep/__init__.py",
        "cart/deep/thing.py",
        "cart/near.py",
        "chat.py",
    ]


def test_a_package_comes_before_a_module_of_its_name(tmp_path: Path) -> None:
    write(tmp_path, chat="import cart\n", cart="")
    write_file(tmp_path, "cart/__init__.py")

    assert paths(from_path(tmp_path / "chat.py")) == ["cart/__init__.py", "chat.py"]


def test_a_module_of_a_package_without_init_goes_along(tmp_path: Path) -> None:
    write(tmp_path, chat="import cart.deep\n", cart__deep="")

    assert paths(from_path(tmp_path / "chat.py")) == ["cart/deep.py", "chat.py"]


def test_modules_that_import_each_other_go_once(tmp_path: Path) -> None:
    write(tmp_path, chat="import peers\n", peers="import chat\n")

    assert paths(from_path(tmp_path / "chat.py")) == ["chat.py", "peers.py"]


@pytest.mark.parametrize("name", ["json", "crowsg", "click", "gevent"])
def test_what_every_node_has_stays(tmp_path: Path, name: str) -> None:
    write(tmp_path, chat=f"import {name}\n", **{name: "raise SystemExit\n"})

    assert paths(from_path(tmp_path / "chat.py")) == ["chat.py"]


def test_an_import_that_is_not_there_is_left_to_the_import(tmp_path: Path) -> None:
    write(tmp_path, chat="import nowhere_at_all\n")

    assert paths(from_path(tmp_path / "chat.py")) == ["chat.py"]


def test_nothing_is_imported(tmp_path: Path) -> None:
    write(tmp_path, chat="import peers\nraise SystemExit\n", peers="raise SystemExit\n")

    from_path(tmp_path / "chat.py")


@pytest.mark.parametrize("given", ["cart", "cart/__init__.py", "cart/", "cart/../cart"])
def test_of_a_package_everything_goes(tmp_path: Path, given: str) -> None:
    write_file(tmp_path, "cart/__init__.py")
    write_file(tmp_path, "cart/data/users.csv", "a,b\n")
    write_file(tmp_path, "cart/deep/thing.py")
    write_file(tmp_path, "beside.py")

    bundle = from_path(tmp_path / given)

    assert (bundle.name, paths(bundle)) == (
        "cart",
        ["cart/__init__.py", "cart/data/users.csv", "cart/deep/thing.py"],
    )


def test_modules_of_a_folder_are_top_level_ones(tmp_path: Path) -> None:
    write(tmp_path, load__chat=SCENARIO)
    write_file(tmp_path, "load/data/users.csv")

    bundle = from_path(tmp_path / "load")

    assert (bundle.name, paths(bundle)) == ("load", ["chat.py", "data/users.csv"])


@pytest.mark.parametrize(
    "path", [".env", ".git/config", "__pycache__/x.pyc", "deep/__pycache__/a", "deep/.x", "a.pyc"]
)
def test_hidden_files_and_caches_stay(tmp_path: Path, path: str) -> None:
    write(tmp_path, load__chat=SCENARIO)
    write_file(tmp_path / "load", path)

    assert paths(from_path(tmp_path / "load")) == ["chat.py"]


def test_a_bundle_has_the_digest_of_its_contents(tmp_path: Path) -> None:
    write(tmp_path, a__chat=SCENARIO, b__chat=SCENARIO)

    assert from_path(tmp_path / "a/chat.py").digest == from_path(tmp_path / "b/chat.py").digest


def test_no_content_is_shown_by_its_repr(tmp_path: Path) -> None:
    write(tmp_path, chat="TOKEN = 'tell-nobody'\n")

    assert "tell-nobody" not in repr(from_path(tmp_path / "chat.py"))


@pytest.mark.parametrize(
    "target", ["chat.py", "load/x.txt", "load/deep"], ids=["module", "file", "folder"]
)
def test_links_are_refused(tmp_path: Path, target: str) -> None:
    write_file(tmp_path, "secret/text")
    write(tmp_path, load__chat=SCENARIO)
    (tmp_path / target).symlink_to(tmp_path / "secret" / ("" if target.endswith("p") else "text"))

    (problem,) = problems_of(tmp_path / target.partition("/")[0])

    assert "is a link" in problem


def test_a_link_beside_the_module_that_it_imports_is_refused(tmp_path: Path) -> None:
    write(tmp_path, chat="import peers\n", elsewhere__peers="")
    (tmp_path / "peers.py").symlink_to(tmp_path / "elsewhere/peers.py")

    assert problems_of(tmp_path / "chat.py") == ("peers.py: is a link",)


def test_a_pipe_is_refused_without_waiting_for_its_other_end(tmp_path: Path) -> None:
    write(tmp_path, load__chat=SCENARIO)
    os.mkfifo(tmp_path / "load/pipe")

    assert problems_of(tmp_path / "load") == ("pipe: is no plain file",)


def test_every_syntax_error_is_named(tmp_path: Path) -> None:
    write(tmp_path, load__a="x = (\n", load__b="\nclass\n", load__c="")

    assert [problem.partition(":")[0] for problem in problems_of(tmp_path / "load")] == [
        "a.py",
        "b.py",
    ]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(b"def f(:", id="syntax"),
        pytest.param(b"x = '\0'", id="NUL"),
        pytest.param(b"x = '\xe4'", id="encoding"),
        pytest.param(b"# coding: nothing-like-that\n", id="unknown-encoding"),
        pytest.param(b"x = " + b"(" * 10_000, id="deep"),
        pytest.param(b"x = " + b"-" * 500_000 + b"1", id="very-deep"),
        pytest.param(b"x = " + b"9" * 10_000, id="long-number"),
    ],
)
def test_what_is_no_python_is_refused(tmp_path: Path, code: bytes) -> None:
    (tmp_path / "chat.py").write_bytes(code)

    (problem,) = problems_of(tmp_path / "chat.py")

    assert problem.startswith("chat.py: ")


def test_a_warning_of_the_parser_is_none_of_ours(tmp_path: Path) -> None:
    write(tmp_path, chat="x = '\\d'\n")

    assert from_path(tmp_path / "chat.py").name == "chat"


def test_a_module_of_1_MiB_is_the_largest(tmp_path: Path) -> None:
    write(tmp_path, chat="#" * MAX_SOURCE_BYTES)
    assert from_path(tmp_path / "chat.py").manifest.size == MAX_SOURCE_BYTES

    write(tmp_path, chat="#" * (MAX_SOURCE_BYTES + 1))
    assert problems_of(tmp_path / "chat.py") == ("'chat.py' is larger than 1 MiB",)


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        (tmp_path / f"{number}.txt").touch()

    assert problems_of(tmp_path) == (f"it has more than {MAX_FILES} files",)


@pytest.mark.parametrize("name", ["os", "a-b", "crowsg_x", "X"])
def test_a_module_of_a_wrong_name_is_refused(tmp_path: Path, name: str) -> None:
    assert problems_of(write_file(tmp_path, f"{name}.py"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "load").mkdir()

    assert problems_of(tmp_path / "load") == ("it has no files",)


def test_a_module_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "chat.py") == ("chat.py: No such file or directory",)


def test_a_compiled_module_is_refused(tmp_path: Path) -> None:
    write(tmp_path, load__chat=SCENARIO)
    write_file(tmp_path, "load/fast.so")

    assert problems_of(tmp_path / "load") == ("'fast.so' is compiled code",)


def test_a_folder_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scandir(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    write(tmp_path, load__x="")
    monkeypatch.setattr(os, "scandir", scandir)

    assert problems_of(tmp_path / "load") == ("it cannot be read: Permission denied",)
