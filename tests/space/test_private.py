"""Search spaces with differential privacy."""

from typing import Any

import pytest

from tabvae_ray.errors import ConfigError
from tabvae_ray.space.named_spaces import named_space
from tabvae_ray.space.space_file import load_space, parse_space

PRIVATE: dict[str, Any] = {
    "base": {"training": {"dp": {"epsilon": 1, "delta": 1e-6}}},
    "parameters": {"architecture.loss_beta": {"type": "float", "low": 0.5, "high": 2.0}},
    "objectives": {"private_nats": "minimize"},
    "search": {"sampler": "random", "scheduler": "none"},
}


def test_the_private_space_of_the_package_is_sound() -> None:
    space = load_space(str(named_space("private")))
    assert space.base.training.dp is not None
    assert parse_space(PRIVATE).objectives == {"private_nats": "minimize"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"objectives": {"holdout_nats": "minimize"}}, "objectives: must be {private_nats"),
        ({"constraints": {"membership": {"max": 0.5}}}, "constraints: must not be given"),
        ({"initial": [{"architecture.loss_beta": 1.0}]}, "initial: must not be given"),
        (
            {"with_target": {"objectives": {"utility": "maximize"}}},
            "with_target: must not be given",
        ),
        ({"search": {"sampler": "tpe", "scheduler": "none"}}, "search.sampler: must be random"),
        ({"search": {"sampler": "random"}}, "search.scheduler: must be none"),
        (
            {"search": {"sampler": "random", "scheduler": "none", "refit": True}},
            "search.refit: must be false",
        ),
        (
            {"search": {"sampler": "random", "scheduler": "none", "time_budget": 60}},
            "search.time_budget: must not be given",
        ),
        (
            {"parameters": {"transformers.n_bins_cts": {"type": "int", "low": 5, "high": 20}}},
            "parameters.transformers.n_bins_cts: cannot be searched",
        ),
        (
            {"parameters": {"training.batch_size": {"type": "int", "low": 50, "high": 200}}},
            "parameters.training.batch_size: cannot be searched",
        ),
        (
            {"parameters": {"training.dp": {"type": "categorical", "choices": [None]}}},
            "parameters.training.dp: is what every trial may spend",
        ),
    ],
)
def test_what_breaks_the_count_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_space({**PRIVATE, **changed})
    assert message in str(caught.value)


def test_the_private_score_is_unknown_without_differential_privacy() -> None:
    with pytest.raises(ConfigError, match=r"objectives\.private_nats: no such score"):
        parse_space({**PRIVATE, "base": {}})
