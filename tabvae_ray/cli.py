"""Options, help pages and exit codes of the commands, and the console script ``tabvae``.

Nothing here imports torch, ray or pandas: help, completion and usage errors come at once.
"""

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import Any, TypeVar

import click
from click.shell_completion import shell_complete

from tabvae_ray._version import __version__
from tabvae_ray.command_line.input_document import InputDocument
from tabvae_ray.command_line.input_path import UNREADABLE, InputPath, InputTable
from tabvae_ray.command_line.json_log import JsonLog, asks_for_json, usage_message
from tabvae_ray.command_line.lines import command_text, line_width, wrapped
from tabvae_ray.command_line.option import ERRORS, FiniteRange, Option
from tabvae_ray.command_line.standard_output import full_disk, print_anything, without_reader
from tabvae_ray.command_line.termination import ending_in_order
from tabvae_ray.errors import TabVAEError

__all__ = [
    "DOCUMENT",
    "INPUT",
    "PATH_OR_URI",
    "TABLE",
    "TABLES",
    "Command",
    "FiniteRange",
    "Option",
    "json_option",
    "log_format_option",
    "main",
    "option",
    "plain_warnings",
    "run",
    "run_command",
    "spec_option",
    "table_option",
]

_MODULES = {
    "search": "tabvae_ray.search.__main__",
    "train": "tabvae_ray.commands.train",
    "private-search": "tabvae_ray.commands.private_search",
    "refit": "tabvae_ray.commands.refit",
    "generate": "tabvae_ray.generate",
    "compare": "tabvae_ray.compare",
    "report": "tabvae_ray.report",
    "show": "tabvae_ray.commands.show",
    "spec": "tabvae_ray.commands.spec",
    "space": "tabvae_ray.space.__main__",
}
_SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}
_COMPLETE = "_TABVAE_COMPLETE"

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Both complete file names. Whether a path can be read or written is checked where it is opened.
INPUT = InputPath()
TABLE = InputTable()
TABLES = InputTable(may_be_many=True)
DOCUMENT = InputDocument()
PATH_OR_URI = click.Path(readable=False)


def main(arguments: Sequence[str] | None = None, *, program: str = "tabvae") -> int:
    """Run ``tabvae COMMAND ...`` and return its exit code.

    Args:
        arguments: The command and its options; those of this process if None.
        program: The name of the program on help pages.
    """
    instruction = os.environ.get(_COMPLETE)
    if instruction:
        return shell_complete(_tabvae, {}, "tabvae", _COMPLETE, instruction)
    return run(_tabvae, program, arguments)


def run(command: click.Command, program: str, arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, run the command and return its exit code.

    Args:
        command: A command whose callback returns an exit code.
        program: The name of the program on help pages.
        arguments: The options; those of this process if None.
    """
    print_anything()
    words = list(sys.argv[1:] if arguments is None else arguments)
    # A collector of logs gets wrong options and unreadable files as JSON, too.
    run_told = JsonLog().run_parsing if asks_for_json(words) else run_command

    # Command.main() of click would end the process and has exit codes of its own.
    def parse_and_invoke() -> int:
        with ending_in_order(), command.make_context(program, words) as context:
            # Tell an error before the context closes what it holds, such as a Ray that starts.
            return run_told(lambda: _printed(command.invoke(context)))

    return run_told(parse_and_invoke)


def _printed(code: int) -> int:
    # At the end of Python, nobody could tell that stdout takes no more.
    sys.stdout.flush()
    return code


def run_command(command: Callable[[], int]) -> int:
    """Run a function and turn every exception into an exit code.

    Returns:
        The function's own code; 2 with one message on stderr if the user's input is wrong or a
        file cannot be read or written; 75 if a cluster or storage does not answer; 130 if
        interrupted; 1 with a traceback for anything else.
    """
    try:
        with plain_warnings():
            return command()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        _say(f"error: {usage_message(error)}")
        if error.ctx is not None:
            _say(f"Try '{error.ctx.command_path} --help' for help.")
        return 2
    except TabVAEError as error:
        _say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        return without_reader()
    except Exception as error:
        if (why := full_disk(error)) is not None:
            _say(f"error: {why}")
            return 2
        traceback.print_exc()
        return 1


class _PlainWarnings:
    """Shows warnings in one line, each once: steps of a command look at the same table."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, message: Warning | str, *_: object, **__: object) -> None:
        """Show a warning."""
        if (text := " ".join(str(message).split())) not in self._said:
            self._said.add(text)
            _say(f"warning: {text}")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show Python's warnings as one line each, once, without the file and line of the code."""
    with warnings.catch_warnings():
        # It may be a command within a command.
        if not isinstance(warnings.showwarning, _PlainWarnings):
            warnings.showwarning = _PlainWarnings()
        yield


def option(*names: str, **settings: Any) -> Callable[[_Function], _Function]:
    """Declare an option of a command: ``click.option`` with :class:`Option`."""
    return click.option(*names, cls=Option, **settings)


def table_option(section: str, **settings: Any) -> Callable[[_Function], _Function]:
    """Declare the option ``--data``."""
    known = {
        "metavar": "FILE|DIR|URI",
        "help": "Table to model: a CSV or Parquet file, or a directory or glob pattern of Parquet "
        "files.",
    }
    return option("--data", type=TABLES, section=section, **(known | settings))


def spec_option(section: str, **settings: Any) -> Callable[[_Function], _Function]:
    """Declare the option ``--spec``."""
    known = {
        "metavar": "FILE|URI",
        "show_default": "inferred from the table",
        "help": "Types of the table's columns, YAML or JSON.",
    }
    return option("--spec", type=DOCUMENT, section=section, **(known | settings))


def json_option(section: str) -> Callable[[_Function], _Function]:
    """Declare the option ``--json``."""
    text = "Print one JSON object as the last line of stdout."
    return option("--json", "as_json", is_flag=True, section=section, help=text)


def log_format_option(section: str) -> Callable[[_Function], _Function]:
    """Declare the option ``--log-format``, of commands that :func:`logged` gives their log."""
    known = {"type": click.Choice(("text", "json")), "default": "text", "section": section}
    text = "What stderr has: lines for people, or one JSON object per event for collectors of logs."
    return option("--log-format", help=text, **known)


class Command(click.Command):
    """A command whose help page has sections and examples.

    Args:
        examples: Options of each example.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **settings: Any) -> None:
        settings.setdefault("context_settings", dict(_SETTINGS))
        super().__init__(*args, **settings)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options; report everything that is wrong with their values at once."""
        rest = super().parse_args(ctx, args)
        errors = ctx.meta.get(ERRORS)
        if errors and not ctx.resilient_parsing:
            # The help page does not say where a missing file is, or what is wrong in one.
            are_files = all(UNREADABLE in message for message in errors)
            raise click.UsageError("\n".join(errors), None if are_files else ctx)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        _write_examples(ctx, formatter, self.examples)


class _Commands(click.Group):
    """The commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        command: click.Command = import_module(_MODULES[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _MODULES and not ctx.resilient_parsing:
            near = get_close_matches(name, _MODULES, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            _say(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        examples = (
            "search --data table.csv --time-budget 300",
            "generate --model runs/table/best --rows 1000 --out rows.csv",
        )
        _write_examples(ctx, formatter, examples)


@click.group("tabvae", cls=_Commands, no_args_is_help=False, context_settings=dict(_SETTINGS))
@click.version_option(__version__, prog_name="tabvae", message="%(prog)s %(version)s")
def _tabvae() -> None:
    """From a private table to a synthetic one, by a search for the best tabular VAE."""


def _write_examples(
    ctx: click.Context, formatter: click.HelpFormatter, examples: Sequence[str]
) -> None:
    with formatter.section("Examples"):
        margin = " " * formatter.current_indent
        for example in examples:
            words = f"{ctx.command_path} {example}"
            formatter.write(command_text(words, formatter.width, margin=margin) + "\n")


def _say(text: str) -> None:
    print(wrapped(text, line_width(sys.stderr)), file=sys.stderr)  # noqa: T201
