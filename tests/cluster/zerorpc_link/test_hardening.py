"""What the link needs of zerorpc."""

import pytest
import zerorpc

from crowsg.cluster.zerorpc_link import hardening
from crowsg.cluster.zerorpc_link.hardening import differences, refuse_others


def test_the_zerorpc_that_is_installed_is_the_right_one() -> None:
    assert list(differences()) == []


def test_another_version_of_zerorpc_is_refused() -> None:
    with pytest.raises(ImportError, match=r"needs zerorpc 0\.6\.3 .*its version is 0\.7\.0"):
        refuse_others(differences("0.7.0"))


def test_a_zerorpc_that_works_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    relied_on = ((zerorpc.Events.close, frozenset({"_socket", "_elsewhere"})),)
    monkeypatch.setattr(hardening, "RELIED_ON", relied_on)

    with pytest.raises(ImportError, match=r"Events\.close lacks _elsewhere"):
        refuse_others(differences())
