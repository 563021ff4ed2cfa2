"""What the commands share: exit codes, and the console script ``tabvae``."""

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from tabvae_ray.errors import TabVAEError

__all__ = ["main", "plain_warnings", "run_command"]

_COMMANDS = {
    "search": ("tabvae_ray.search.__main__", "look for the best model of a table"),
    "generate": ("tabvae_ray.generate", "make rows with an exported model"),
    "compare": ("tabvae_ray.compare", "score a synthetic table against a real one"),
    "report": ("tabvae_ray.report", "show a search as one HTML page"),
}


def run_command(command: Callable[[], int]) -> int:
    """Run a command and turn what it raises into an exit code.

    Returns:
        What the command returns; 2 with one message on stderr if the user's input is wrong or the
        storage is not there; 130 if interrupted; 1 with a traceback for anything else.
    """
    try:
        with plain_warnings():
            return command()
    except TabVAEError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        # The reader of our stdout has gone (`... | head`); Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        traceback.print_exc()
        return 1


def main() -> int:
    """``tabvae COMMAND ...`` is the same as ``python -m tabvae_ray.COMMAND ...``."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in _COMMANDS:
        module = import_module(_COMMANDS[arguments[0]][0])
        sys.argv[0] = f"tabvae {arguments[0]}"
        code: int = module.main(arguments[1:])
        return code
    wants_help = arguments[:1] in (["-h"], ["--help"])
    out = sys.stdout if wants_help else sys.stderr
    print("usage: tabvae COMMAND [options]\n\ncommands:", file=out)
    for name, (_, summary) in _COMMANDS.items():
        print(f"  {name:<10}{summary}", file=out)
    if arguments and not wants_help:
        print(f"\nerror: no such command: {arguments[0]}", file=out)
    return 0 if wants_help else 2


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show Python's warnings as lines for people, without the file and line of the code."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        text = " ".join(str(message).split())
        print(f"warning: {text}", file=sys.stderr)  # noqa: T201

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
