"""``tabvae private-search``: a search that counts what its choice tells about the rows."""

import json

import click

from tabvae_ray.cli import PATH_OR_URI, Command, json_option, option, spec_option, table_option
from tabvae_ray.command_line.json_log import speaker
from tabvae_ray.command_line.output_path import OutputPath
from tabvae_ray.commands.early_checks import check_files
from tabvae_ray.commands.shown_training import new_export, whole_or_nothing

__all__ = ["command"]

_INPUT, _PRIVACY, _OUTPUT = "What to search", "Privacy", "Output"


@click.command(
    "private-search",
    cls=Command,
    short_help="Search with differential privacy.",
    examples=(
        "--space private --data adult.csv --spec adult_spec.yaml --out models/adult",
        "--space private --data adult.csv --spec adult_spec.yaml --out models/adult --epsilon 10",
    ),
)
@option(
    "--space",
    required=True,
    type=PATH_OR_URI,
    metavar="FILE|URI|NAME",
    section=_INPUT,
    help="Search space with base.training.dp, such as 'private'.",
)
@table_option(_INPUT, show_default="the space's")
@spec_option(
    _INPUT,
    show_default="the space's",
    help="What is known of the columns without the table: the kind of each, and more.",
)
@option(
    "--epsilon",
    type=click.FloatRange(min=0, min_open=True),
    metavar="E",
    section=_PRIVACY,
    show_default="the space's",
    help="Epsilon of the whole search.",
)
@option(
    "--delta",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    metavar="D",
    section=_PRIVACY,
    show_default="the space's",
    help="Delta of the whole search.",
)
@option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    section=_PRIVACY,
    show_default="the space's",
    help="Mean of the number of trials, which is drawn and stays secret.",
)
@option(
    "--out",
    required=True,
    type=OutputPath(),
    metavar="DIR|URI",
    section=_OUTPUT,
    help="Directory of the exported model, which 'tabvae generate --model' reads.",
)
@json_option(_OUTPUT)
@option("--quiet", is_flag=True, section=_OUTPUT, help="Show no progress and no result.")
def command(
    *,
    space: str,
    data: str | None,
    spec: str | None,
    epsilon: float | None,
    delta: float | None,
    trials: int | None,
    out: str,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train a random number of private trials, and export the best one.

    Epsilon bounds what the export tells about any row, the choice among the trials included. The
    search runs on this machine and cannot be resumed: each further run spends its epsilon again.
    What it prints on the way is for you only.
    """
    check_files(spec=spec)
    from tabvae_ray.commands.private_trials import PrivateSearch
    from tabvae_ray.generation.private_card import guarantee_in_words
    from tabvae_ray.storage import check_writable

    target = new_export(out)
    given = {"epsilon": epsilon, "delta": delta}
    search = PrivateSearch.prepare(
        space,
        data,
        spec=spec,
        leaves={name: value for name, value in given.items() if value is not None},
        mean_trials=trials,
    )
    check_writable(target)
    spent = search.guarantee
    promise = guarantee_in_words(spent.to_mapping())
    say = speaker(None)
    if not quiet:
        say(f"{spent.mean_trials:g} trials on average, together with {promise}")
    chosen = search.run(None if quiet else say)
    if chosen is None:
        say("no trial is usable: the weights of all became infinite; try lower learning rates")
        return 3
    with whole_or_nothing(target):
        scores = search.save(chosen, target)
    if not quiet:
        for name, value in chosen.parameters.items():
            say(f"  {name}: {value}")
        say(f"private_nats {chosen.score:.4g} (with noise)")
        say(f"differential privacy: {promise}")
        say(f"model: {target}")
    if as_json:
        document = {"model": str(target), "parameters": dict(chosen.parameters), **scores}
        print(json.dumps(document))  # noqa: T201
    return 0
