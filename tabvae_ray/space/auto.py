"""The space ``auto``: chosen for a table, the time and the machine by written rules.

1. **Start.** Tables under 3,000 rows start from the space ``small``: a network memorises them, so
   it is small and stops early on held-out rows. Larger ones start from ``full``.
2. **Encoding.** Numbers get 10 bins under 300 rows, otherwise those of the space (20 in ``small``,
   50 in ``full``). If all columns together have more than 5,000 codes, each column keeps its 200
   most frequent categories, and rarer ones share codes.
3. **Decoder.** With more than 150 columns the decoder is independent, because the time of an
   autoregressive one grows with every column. From 40 columns on, the initial point for wide tables
   runs first.
4. **Held-out rows and constraints.** Tables under 200 rows hold out a fifth of them, those under
   10,000 a tenth, larger ones a twentieth. From 3,000 rows on, models that repeat their training
   rows are excluded (``dcr_share``); fewer held-out rows cannot tell that from chance.
5. **Epochs without a time budget.** ``small``: 100. ``full``: 30 between 10,000 and 50,000 rows,
   more for smaller tables (300,000 rows seen in all, at most 60 epochs) and fewer for larger ones
   (1,500,000 rows seen, at least 5 epochs). Batches grow with the rows above 100,000.
6. **Epochs with a time budget.** At least four trials (or fewer, if ``--trials`` asks for fewer)
   must train to the end. Three fifths of the budget, less the start of the search, are shared among
   them by the estimates of :mod:`tabvae_ray.space.estimate`. If the epochs of rule 5 do not fit,
   these go in this order: epochs down to a floor (20, in ``small`` 40); small batches and the
   widest decoders; epochs below the floor. The learning rate of an initial point grows with the
   square root of its batches.
7. **Trials.** 24; with a time budget three times as many as the estimate lets finish, from 8 to
   100. The search ends with the last of them or with the budget. On a GPU, batches are four times
   as large.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from tabvae_ray.bounded_yaml import parse_yaml
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.space.estimate import epoch_seconds, report_seconds, setup_seconds
from tabvae_ray.space.named_spaces import named_space
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.space.space_yaml import dumped, in_one_line
from tabvae_ray.space.table_shape import TableShape

__all__ = ["AutoSpace", "auto_space"]

_VERY_FEW_ROWS, _FEW_ROWS, _SMALL_ROWS, _HELD_OUT_ROWS = 200, 300, 3_000, 10_000
_MAX_CODES, _MANY_CATEGORIES = 5_000, 200
_WIDE, _TOO_WIDE = 40, 150
_MANY_ROWS, _FIRST_MANY = 100_000, 50_000
_COMPARED, _MIN_EPOCHS = 4, 3
# Batches and widths of the decoder, from the most generous to the fastest.
_LEVELS: Mapping[str, Sequence[tuple[list[int], list[list[int]]]]] = {
    "small": (
        ([32, 64, 128], [[64], [128], [256], [128, 256]]),
        ([64, 128], [[64], [128], [256]]),
        ([128, 256], [[64], [128]]),
    ),
    "full": (
        ([64, 128, 256, 512], [[128, 256], [256, 512], [256, 768]]),
        ([128, 256, 512], [[128, 256], [256, 512]]),
        ([256, 512], [[128, 256], [256, 512]]),
        ([256, 512], [[128], [128, 256]]),
        ([512, 1024], [[128], [128, 256]]),
    ),
}
_FLOOR = {"small": 40, "full": 20}
# Share of its epochs that a trial trains on average: others stop early, by either rule.
_TRAINED = {"small": 0.5, "full": 0.6}
_BATCHES, _WIDTHS = "training.batch_size", "architecture.decoder_layer_sizes"
_RATE = "training.learning_rate"


@dataclass(frozen=True)
class AutoSpace:
    """A space that was chosen for a table.

    Args:
        space: The space.
        reasons: What was chosen and why, one short sentence each.
        text: The same space as a YAML file, to edit and search again.
    """

    space: SearchSpace
    reasons: tuple[str, ...]
    text: str


def auto_space(
    shape: TableShape,
    *,
    time_budget: float | None = None,
    slots: int = 2,
    gpu: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> AutoSpace:
    """Choose a search space for a table, by the rules of this module.

    Args:
        shape: The shape of the table.
        time_budget: Seconds that the search may take; that of the settings if None, and no limit
            without either.
        slots: Trials that run at once.
        gpu: True if trials train on GPUs.
        settings: Settings of the search that are not to be chosen, such as ``n_trials`` or
            ``seed``; those that are None are chosen.
    """
    given = {key: value for key, value in (settings or {}).items() if value is not None}
    budget = time_budget or given.get("time_budget")
    draft = _Draft("small" if shape.rows < _SMALL_ROWS else "full", shape)
    draft.encode()
    draft.choose_decoder()
    draft.hold_out()
    draft.fit_time(budget, given.get("n_trials"), slots, gpu=gpu)
    draft.document["search"].update(given)
    text = draft.text()
    return AutoSpace(parse_space(parse_yaml(text), "auto"), tuple(draft.reasons), text)


@dataclass
class _Draft:
    """The document of a space while it is changed.

    Args:
        start: Name of the space that it starts from.
        shape: The shape of the table.
    """

    start: str
    shape: TableShape
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        text = named_space(self.start).read_text("utf-8")
        self.document: CommentedMap = YAML().load(text)
        # Without aliases and merge keys, so that points can change one by one.
        self.originals: list[dict[str, Any]] = parse_yaml(text)["initial"]
        side = "under" if self.start == "small" else "at least"
        self.reasons.append(
            f"starts from the space '{self.start}': the table has {side} {_SMALL_ROWS:,} rows "
            f"({self.shape.rows:,})"
        )

    def encode(self) -> None:
        """Choose bins and the number of categories."""
        encoding = self.document["base"]["transformers"]
        if self.shape.rows < _FEW_ROWS:
            encoding["n_bins_cts"] = 10
        n_bins = encoding["n_bins_cts"]
        self.reasons.append(f"{n_bins} bins per column of numbers: as many as the rows can fill")
        n_codes = self.shape.n_codes(self.config({}).transformers)
        if n_codes > _MAX_CODES:
            encoding["max_categories"] = _MANY_CATEGORIES
            self.reasons.append(
                f"at most {_MANY_CATEGORIES} codes per column of categories: all columns have "
                f"{n_codes:,} codes, more than {_MAX_CODES:,}"
            )

    def choose_decoder(self) -> None:
        """Choose the decoder by the number of columns."""
        n, kind = len(self.shape.columns), "architecture.decoder"
        if n > _TOO_WIDE:
            for name in (kind, "architecture.column_order", "architecture.column_hidden"):
                self.document["parameters"].pop(name, None)
                for point in self.originals:
                    point.pop(name, None)
            self.document["base"]["architecture"]["decoder"] = "independent"
            self.reasons.append(
                f"independent decoder: an autoregressive one is too slow for {n} columns "
                f"(more than {_TOO_WIDE})"
            )
        if n >= _WIDE and self.start == "full":
            self.originals.insert(0, self.originals.pop())
            self.reasons.append(f"the initial point for wide tables runs first: {n} columns")

    def hold_out(self) -> None:
        """Choose the share of held-out rows."""
        rows, base = self.shape.rows, self.document["base"]
        share = 0.2 if rows < _VERY_FEW_ROWS else 0.1 if rows < _HELD_OUT_ROWS else 0.05
        base.setdefault("validation", {})["holdout_fraction"] = share
        n = int(rows * share)
        if n == 0:
            base["training"]["early_stopping"] = "none"
            del self.document["objectives"]["holdout_nats"]
        constraint = (
            "models that repeat training rows are excluded"
            if "constraints" in self.document
            else "too few for a constraint on repeated training rows"
        )
        self.reasons.append(f"{100 * share:g}% of the rows held out ({n:,}): {constraint}")

    def fit_time(
        self, time_budget: float | None, n_trials: int | None, slots: int, *, gpu: bool
    ) -> None:
        """Choose epochs, batches, widths and the number of trials."""
        wanted = self._epochs()
        levels, factor = _LEVELS[self.start], self._batch_factor(gpu=gpu)
        if time_budget is None:
            self._set(wanted, factor, *levels[0])
            why = "no time budget is given"
        else:
            # More trials are a limit that the time may not reach.
            n_compared = min(n_trials or _COMPARED, _COMPARED)
            share = self._seconds_per_trial(time_budget, n_compared, slots)
            floor = min(wanted, _FLOOR[self.start])
            n_epochs = 0
            for level in levels:
                self._set(wanted, factor, *level)
                n_epochs = min(wanted, self._epochs_within(share, gpu=gpu))
                if n_epochs >= floor:
                    break
            self._set(max(_MIN_EPOCHS, n_epochs), factor, *level)
            why = (
                f"at least {n_compared} trials train to the end in {time_budget:g} s, "
                f"{slots} at once"
            )
            if n_epochs < _MIN_EPOCHS:
                why = f"the fewest there are; {time_budget:g} s may be too short for this table"
            self.document["search"]["time_budget"] = time_budget
        budget = self.document["base"]["training"]["max_n_epochs"]
        self.reasons.append(f"{budget} epochs: {why}")
        batches = self.document["parameters"][_BATCHES]["choices"]
        widest = max(self.document["parameters"][_WIDTHS]["choices"], key=sum)
        self.reasons.append(
            f"batches of {batches[0]} to {batches[-1]} rows, decoders up to "
            f"{'-'.join(map(str, widest))} wide"
        )
        n = n_trials or self._trials(time_budget, slots, gpu=gpu)
        self.document["search"]["n_trials"] = n
        if n_trials is None:
            # The search ends by whichever comes first.
            end = (
                f", or fewer if {time_budget:g} s are over before"
                if time_budget
                else ": --time-budget would end the search sooner"
            )
            self.reasons.append(f"{n} trials{end}")

    def config(self, point: Mapping[str, Any]) -> TabularVAEConfig:
        """Return the configuration of a point."""
        return TabularVAEConfig.from_mapping(self.document["base"]).replace(point)

    def text(self) -> str:
        """Return the document as YAML, with the reasons on top."""
        head = f"The space that `--space auto` chose for a table of {self.shape}."
        again = "Edit it, and search again with --space FILE and another --name."
        lines = [head, *(f"- {reason}" for reason in self.reasons), again]
        self.document.yaml_set_start_comment("\n".join(lines))
        return dumped(self.document)

    def _epochs(self) -> int:
        """Return the epochs of a trial where time is no matter."""
        if self.start == "small":
            return 100
        rows = self.shape.rows
        if rows <= _FIRST_MANY:
            return min(60, max(30, 300_000 // rows))
        return max(5, 1_500_000 // rows)

    def _batch_factor(self, *, gpu: bool) -> int:
        """Return the power of two that batches grow by."""
        rows = self.shape.rows
        grown = 2 ** int(math.log2(rows / _FIRST_MANY)) if rows > _MANY_ROWS else 1
        return min(8, grown) * (4 if gpu else 1)

    def _set(
        self, n_epochs: int, factor: int, batches: Sequence[int], widths: Sequence[list[int]]
    ) -> None:
        """Write epochs, batches and widths, and move the initial points to the nearest choices."""
        sizes = [size * factor for size in batches]
        self.document["base"]["training"]["max_n_epochs"] = n_epochs
        search = self.document["search"]
        if "grace_period" in search:
            search["grace_period"] = max(1, n_epochs // 3)
        parameters = self.document["parameters"]
        parameters[_BATCHES]["choices"] = in_one_line(sizes)
        parameters[_WIDTHS]["choices"] = in_one_line(widths)
        self.points = [self._moved(point, sizes, factor, widths) for point in self.originals]
        self.document["initial"] = [
            {name: in_one_line(value) for name, value in point.items()} for point in self.points
        ]

    def _moved(
        self,
        point: Mapping[str, Any],
        sizes: Sequence[int],
        factor: int,
        widths: Sequence[list[int]],
    ) -> dict[str, Any]:
        """Return an initial point with the nearest of the choices."""
        size = min(sizes, key=lambda size: abs(size - point[_BATCHES] * factor))
        # Fewer steps with less noise: without higher rates the model would learn less in as many
        # epochs.
        rate = point[_RATE] * math.sqrt(size / point[_BATCHES])
        return {
            **point,
            _BATCHES: size,
            _WIDTHS: min(widths, key=lambda width: abs(sum(width) - sum(point[_WIDTHS]))),
            _RATE: min(float(f"{rate:.2g}"), self.document["parameters"][_RATE]["high"]),
        }

    def _seconds_per_trial(self, time_budget: float, n: int, slots: int) -> float:
        """Return the time of each of ``n`` trials, if they are to end within the budget."""
        usable = max(0.25 * time_budget, 0.6 * time_budget - setup_seconds(self.shape))
        return usable / math.ceil(n / slots)

    def _epochs_within(self, seconds: float, *, gpu: bool) -> int:
        """Return how many epochs the slowest initial point trains in a time."""
        slowest = max(epoch_seconds(self.shape, self.config(p), gpu=gpu) for p in self.points)
        return int((seconds - 2 * report_seconds(self.shape)) / slowest)

    def _trials(self, time_budget: float | None, slots: int, *, gpu: bool) -> int:
        """Return the number of trials."""
        if time_budget is None:
            return int(self.document["search"]["n_trials"])
        config = self.config(self.points[0])
        n_epochs = config.training.max_n_epochs * _TRAINED[self.start]
        one = n_epochs * epoch_seconds(self.shape, config, gpu=gpu) + report_seconds(self.shape)
        finished = self._seconds_per_trial(time_budget, 1, slots) * slots / one
        return min(100, max(8, math.ceil(3 * finished)))
