"""A pytest plugin, loaded by ``-p crowsg.testing.pytest_plugin``: patches before tests load."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Patch the standard library; pytest calls this only for plugins named by ``-p``."""
    from gevent import monkey  # noqa: TID251 - the plugin stands where __main__ stands

    monkey.patch_all()
