"""Preparation of a private training: checks, the private encoding, and the guarantee."""

import numpy as np
import pandas as pd

from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import ConfigError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.private.encoding import PrivateEncoding
from tabvae_ray.table.private.noise import NoisyCounts, noisy_number
from tabvae_ray.table.private.plan import plan_columns
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.training.private.accounting import Budget, check_opacus, secret_seed
from tabvae_ray.training.private.guarantee import Guarantee

__all__ = ["check_private", "check_untracked", "prepare_private"]


def check_private(config: TabularVAEConfig) -> None:
    """Check that nothing in a configuration uses rows without noise.

    Raises:
        ConfigError: Naming every setting that does, with the reason; or if Opacus is missing.
    """
    training, architecture = config.training, config.architecture
    broken = []
    if training.early_stopping != "none":
        broken.append("training.early_stopping: must be none: it stops by losses of rows")
    if training.scheduler == "plateau":
        broken.append("training.scheduler: must not be plateau: it reacts to losses of rows")
    if training.gradient_clip_norm is not None:
        broken.append(
            "training.gradient_clip_norm: must not be given: training.dp.max_grad_norm limits the "
            "gradient of each row"
        )
    if architecture.prior == "gmm" and architecture.has_encoder:
        broken.append(
            "architecture.prior: must be standard_normal: a mixture is fitted to the encoded rows"
        )
    if architecture.decoder == "autoregressive" and architecture.column_order != "given":
        broken.append(
            "architecture.column_order: must be given: mutual information is computed from the rows"
        )
    if architecture.decoder == "autoregressive" and architecture.column_hidden:
        broken.append(
            "architecture.column_hidden: must be 0: the gradients of single rows are not known "
            "with hidden units of columns"
        )
    if broken:
        raise ConfigError("\n".join(f"with training.dp, {line}" for line in broken))
    check_opacus()


def check_untracked(config: TabularVAEConfig) -> None:
    """Check that a training which is tracked is not private.

    Raises:
        ConfigError: If it is.
    """
    if config.training.dp is not None:
        raise ConfigError(
            "with training.dp, there must be no tracker: it would keep losses of rows and "
            "comparisons with rows, which no noise protects"
        )


def prepare_private(
    table: pd.DataFrame,
    spec: TableSpec,
    declared: SpecDeclaration | None,
    config: TabularVAEConfig,
    *,
    mean_trials: float | None = None,
) -> tuple[PrivateEncoding, Guarantee]:
    """Encode a table, and say what the training will have spent at its end.

    Args:
        table: The rows.
        spec: Their spec.
        declared: What the user declares; nothing if None.
        config: The configuration, with ``training.dp``.
        mean_trials: Mean of the number of trials, if the best of several trainings is chosen.

    Raises:
        ConfigError: If the configuration cannot be private.
        DataError: If the table cannot be encoded with what is declared.
    """
    check_private(config)
    assert config.training.dp is not None
    planned = plan_columns(spec, declared or SpecDeclaration())
    budget = Budget(
        config.training.dp,
        n_histograms=sum(len(part.looks) for part in planned),
        n_open=sum(part.is_open for part in planned),
    )
    sigma = budget.encoding_noise()
    rng = np.random.default_rng(secret_seed())
    rows = noisy_number(len(table), budget.rows_epsilon, rng)
    training = config.training
    guarantee = budget.guarantee(
        sigma, rows, training.batch_size, training.max_n_epochs, mean_trials
    )
    counts = NoisyCounts(sigma, budget.threshold(sigma), budget.n_histograms, rng)
    encoding = PrivateEncoding.fit(table, spec, planned, counts, rows, config.transformers)
    return encoding, guarantee
