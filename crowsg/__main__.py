"""The ``crowsg`` command: patches the standard library first thing, then hands over."""

from gevent import monkey  # noqa: TID251 - the one program that patches

monkey.patch_all()

from crowsg.cli import main  # noqa: E402 - everything it imports must find the patched library

__all__ = ["main"]

if __name__ == "__main__":
    main()
