import dataclasses
import io

import pytest
from rich.console import Console

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.display.front_table import front_tables, legend_lines, parameter_lines
from tabvae_ray.search.optimize.selection import Candidate
from tabvae_ray.space.space_file import parse_space

PARAMETERS = {
    "architecture.loss_beta": 0.0312312,
    "architecture.encoder_layer_sizes": [512, 256],
    "transformers.strategy": "quantile",
}
MEANS = {
    "mean_js_distance": 0.051612,
    "correlation_distance": 0.22654,
    "column_shapes": 0.9812,
    "pair_trends": 0.9134,
    "train_nats": 24.914,
}
SPREADS = {name: 0.0012345 for name in MEANS} | {"train_nats": 0.0}
LEVELS = ReferenceLevels(
    {"mean_js_distance": Level(0.044, 0.002)}, {}, {"correlation_distance": Level(0.2255, 0.0021)}
)
BOUNDED = parse_space(
    {
        "parameters": {"architecture.latent_dim": {"type": "int", "low": 2, "high": 4}},
        "constraints": {
            "column_shapes": {"min": 0.5},
            "pair_trends": {"min": 0.5},
            "train_nats": {"max": 30.0},
        },
    }
)


def candidate(number: int, gap: float | None) -> Candidate:
    held_out = None if gap is None else 20.0 + gap
    rung = Rung(9, {}, {"train_nats": 20.0, "holdout_nats": held_out})
    record = TrialRecord(number, "COMPLETE", PARAMETERS, rungs=[rung])
    return Candidate(record, MEANS, SPREADS)


def shown(found: list[Candidate], width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    for table in front_tables(found, 12, BOUNDED, LEVELS, width=width):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_divergence_of_the_latent_is_a_column() -> None:
    found = [candidate(3, 0.1)]
    assert not any("KL, nats" in line for line in shown(found, 200))
    known = dataclasses.replace(found[0], means={**MEANS, "kl": 2.5e-5})
    text = "\n".join(shown([known], 200))
    assert "KL, nats" in text and "2.5e-05" in text


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_nothing_is_cut_or_broken_at_any_width(width: int) -> None:
    lines = shown([candidate(3, 1.25), candidate(12, -1.5e-5)], width)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert "…" not in text
    for value in (
        *("0.05161 ± 0.0012", "0.2265 ± 0.0012", "0.9812 ± 0.0012", "0.9134 ± 0.0012", "24.91"),
        *("0.044 ± 0.002", "0.2255 ± 0.0021", "+1.25", "-1.5e-05"),
        *("mean_js_distance", "correlation_", "column_shapes", "pair_trends", "gap, nats"),
        *("resample", "independent"),
    ):
        assert value in text, value
    assert any(line.split()[:2] == ["*", "12"] for line in lines)


def test_every_part_begins_with_the_trials() -> None:
    lines = shown([candidate(3, 1.25)], 40)
    assert sum("trial" in line.split() for line in lines) == sum(
        line.split()[:1] == ["3"] for line in lines
    )


def test_without_held_out_rows_there_is_no_gap() -> None:
    assert not any("gap" in line for line in shown([candidate(3, None)], 200))
    some = shown([candidate(3, None), candidate(12, 0.5)], 200)
    assert next(line for line in some if line.split()[:1] == ["3"]).split()[-1] == "-"


def test_levels_and_parameters_are_lines_below() -> None:
    assert legend_lines([candidate(3, None)], BOUNDED, LEVELS) == [
        "resample: real rows against a bootstrap of themselves: the noise floor",
        "independent: columns shuffled one by one: nothing learnt about associations",
    ]
    assert parameter_lines([candidate(3, None), candidate(12, None)], 12) == [
        "  3: encoder_layer_sizes=[512, 256], loss_beta=0.03123, strategy=quantile",
        "* 12: encoder_layer_sizes=[512, 256], loss_beta=0.03123, strategy=quantile",
    ]


def test_the_gap_is_explained_where_it_is_shown() -> None:
    lines = legend_lines([candidate(3, 1.25)], BOUNDED, LEVELS)
    assert lines[-1].startswith("gap, nats: what a held-out row costs the model more")


def test_names_are_broken_only_where_that_saves_a_table() -> None:
    def lines(width: int) -> list[str]:
        return shown([candidate(3, 1.25)], width)

    def is_whole(width: int) -> bool:
        return any("correlation_distance" in line for line in lines(width))

    def n_tables(width: int) -> int:
        return sum("trial" in line for line in lines(width))

    assert (is_whole(120), n_tables(120)) == (True, 1)
    assert (is_whole(112), n_tables(112)) == (False, 1)
    assert (is_whole(100), n_tables(100)) == (True, 2)


def test_membership_is_a_column_where_it_was_measured() -> None:
    plain = candidate(12, 1.0)
    measured = Candidate(plain.record, {**MEANS, "membership": 0.6873}, SPREADS)
    assert "membership" in "\n".join(shown([measured], 200))
    assert "0.687" in "\n".join(shown([measured], 200))
    assert "membership" not in "\n".join(shown([plain], 200))


def test_columns_that_are_no_objective_are_explained() -> None:
    plain = candidate(12, None)
    measured = Candidate(plain.record, {**MEANS, "membership": 0.6873, "kl": 0.3}, SPREADS)
    explained = [line.partition(":")[0] for line in legend_lines([measured], BOUNDED, LEVELS)]
    assert explained[2:] == ["membership", "KL, nats"]
    assert len(legend_lines([plain], BOUNDED, LEVELS)) == 2
