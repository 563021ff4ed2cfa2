"""The tabular VAE on one machine: build, fit, generate."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from tabvae_ray.callable_module.arguments import flag, seed_number
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.config import ArchitectureConfig, TabularVAEConfig
from tabvae_ray.documents import validated
from tabvae_ray.errors import DataError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.model.calibration import calibrate
from tabvae_ray.model.column_order import mutual_information_order
from tabvae_ray.model.devices import resolve_device
from tabvae_ray.model.prior import GaussianMixturePrior, Prior, StandardNormalPrior
from tabvae_ray.model.row_decoder import RowDecoder
from tabvae_ray.model.vae import VAE, build_vae
from tabvae_ray.table.declaration import SpecSource, declaration_of
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.private.encoding import PrivateEncoding
from tabvae_ray.table.published.markers import with_shared_markers
from tabvae_ray.table.reading.frames import Frame, Source
from tabvae_ray.table.reading.markers import as_declared
from tabvae_ray.table.spec import TableSpec, check_table, checked_spec
from tabvae_ray.training.private.guarantee import Guarantee
from tabvae_ray.training.private.preparation import check_untracked, prepare_private
from tabvae_ray.training.private.trainer import PrivateTrainer
from tabvae_ray.training.progress import shown_progress
from tabvae_ray.training.routines import ArtifactRoutine, CheckpointRoutine, LoaderRoutine
from tabvae_ray.training.tracking import Tracker, check_tracker
from tabvae_ray.training.trainer import BatchHook, EpochHook, TabularVAETrainer

__all__ = ["TabularVAE", "split_rows"]

# Draws of z that a mixture prior is fitted to.
_PRIOR_MAX_ROWS = 10_000
# Rows generated for calibration: at least 8,192 (error of a share about 0.5 %), at most 65,536.
_CALIBRATION_ROWS = (8_192, 65_536)
# Fewer rows where these have more logits than this in all, but at least a few.
_CALIBRATION_LOGITS, _FEWEST_ROWS = 2**27, 2_048


class TabularVAE:
    """A tabular beta-VAE from table to rows.

    Example:
        >>> spec = TableSpec.infer(table)
        >>> vae = TabularVAE.build(spec, TabularVAEConfig())
        >>> scores = vae.fit(table)
        >>> rows = vae.generate(1000)

    Args:
        spec: The spec of the table's columns.
        config: Every hyperparameter; a mapping may leave out those that have their defaults.
        seed: Seed of initialisation, training and generation.
        split_seed: Seed of the choice of held-out rows; trials that are compared share it.
        device: Where to train; ``config.training.device`` if None.
        batch_hooks: Called after every step, see :class:`TabularVAETrainer`.
        epoch_hooks: Called after every epoch.
        declared: With ``training.dp``, what is known of the columns without looking at the rows.

    Attributes:
        guarantee: The differential privacy, after :meth:`prepare` with ``training.dp``; else None.
    """

    def __init__(
        self,
        spec: TableSpec,
        config: TabularVAEConfig | Mapping[str, Any],
        *,
        seed: int = 0,
        split_seed: int = 0,
        device: torch.device | str | None = None,
        batch_hooks: Sequence[BatchHook] = (),
        epoch_hooks: Sequence[EpochHook] = (),
        declared: SpecSource | None = None,
    ) -> None:
        self.spec = checked_spec(spec)
        self.config = validated(TabularVAEConfig, config, "config")
        self.declared = None if declared is None else declaration_of(declared)
        self.seed, self.split_seed = seed_number(seed), seed_number(split_seed)
        self.device = resolve_device(self.config.training.device if device is None else device)
        self._batch_hooks, self._epoch_hooks = batch_hooks, epoch_hooks
        self.guarantee: Guarantee | None = None
        # With ``training.dp``, noisy rows per code of every column.
        self._noisy_counts: list[torch.Tensor] = []
        self._prepared: tuple[TableEncoder, TabularVAETrainer] | None = None
        self._synthesizer: tuple[int, TabularVAESynthesizer] | None = None

    @classmethod
    def build(
        cls,
        spec: TableSpec,
        config: TabularVAEConfig | Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        split_seed: int = 0,
        device: torch.device | str | None = None,
        batch_hooks: Sequence[BatchHook] = (),
        epoch_hooks: Sequence[EpochHook] = (),
        declared: SpecSource | None = None,
    ) -> Self:
        """Build a model, see the class; without ``config``, with the defaults."""
        return cls(
            spec,
            {} if config is None else config,
            seed=seed,
            split_seed=split_seed,
            device=device,
            batch_hooks=batch_hooks,
            epoch_hooks=epoch_hooks,
            declared=declared,
        )

    def __repr__(self) -> str:
        state = "not fitted" if self._prepared is None else f"trained {self.trainer.epoch} epochs"
        return f"{type(self).__name__}({self.spec!r}, {state}, device={str(self.device)!r})"

    def fit(
        self,
        table: Source | Frame,
        *,
        tracker: Tracker | None = None,
        plan: ComparisonPlan | None = None,
        progress: bool = True,
    ) -> list[dict[str, float]]:
        """Train to the end of the budget.

        Args:
            table: The real rows: a path or URI, a DataFrame of pandas or polars, or an Arrow table.
            tracker: Keeps losses per column, comparisons with generated rows, and checkpoints, at
                the periods of the configuration; without one, nothing of this is computed.
            plan: The scores and plots of a comparison; :meth:`ComparisonPlan.complete` if None.
            progress: Show epoch and loss on stderr, if it is a terminal or a notebook.

        Returns:
            The history of all epochs, see :class:`TabularVAETrainer`.

        Raises:
            ConfigError: If the table cannot have a score of the plan, or a tracker is given with
                ``training.dp``.
            DataError: If the table does not fit the spec.
            DivergenceError: If the loss becomes NaN or infinite.
        """
        if tracker is not None:
            check_untracked(self.config)
            check_tracker(tracker)
        chosen = ComparisonPlan.from_mapping(plan or ComparisonPlan.complete())
        wanted, table = flag("progress", progress), self.spec.read(table)
        self.prepare(table)
        if tracker is not None:
            self._track(table, tracker, chosen)
        with shown_progress(self.trainer, wanted=wanted):
            return self.trainer.train()

    def prepare(self, table: Source | Frame) -> None:
        """Prepare the training: split and encode the table, and build the network.

        Held-out rows are drawn before anything is fitted; the encoder is fitted without them.

        With ``training.dp``, all rows are encoded by noisy counts, and none is held out.

        Args:
            table: The real rows, see :meth:`fit`.

        Raises:
            ConfigError: If ``training.dp`` is given beside a setting that uses rows without noise.
            DataError: If the table does not fit the spec, or has fewer than two training rows.
        """
        as_read = self.spec.read(table)
        table = as_declared(as_read, self.spec.columns)
        check_table(table, self.spec)
        if self.config.training.dp is not None:
            self.prepare_encoded(*prepare_private(table, self.spec, self.declared, self.config))
            return
        fraction = self.config.validation.holdout_fraction
        training, held_out = split_rows(len(table), fraction, self.split_seed)
        transformers = self.config.transformers
        spec = with_shared_markers(self.spec, as_read, training, transformers.min_rows)
        encoder = TableEncoder.fit(table.iloc[training].reset_index(drop=True), spec, transformers)
        codes = encoder.encode(table)
        init_seed, train_seed = np.random.SeedSequence(self.seed).generate_state(2)
        model = _network(self.config, encoder, codes[training], int(init_seed))
        trainer = TabularVAETrainer(
            model,
            codes[training],
            self.config.training,
            loss_beta=self.config.architecture.loss_beta,
            held_out=codes[held_out],
            seed=int(train_seed),
            device=self.device,
            batch_hooks=self._batch_hooks,
            epoch_hooks=self._epoch_hooks,
        )
        model.predictor.start_from(trainer.counts())
        self._prepared, self._synthesizer = (encoder, trainer), None

    def prepare_encoded(self, encoding: PrivateEncoding, guarantee: Guarantee) -> None:
        """Prepare a training with differential privacy, on all rows of an encoding."""
        self.guarantee = guarantee
        self._noisy_counts = [torch.as_tensor(part) for part in encoding.counts]
        init_seed, _ = np.random.SeedSequence(self.seed).generate_state(2)
        model = _network(self.config, encoding.encoder, encoding.codes, int(init_seed))
        model.predictor.start_from(self._noisy_counts)
        trainer = PrivateTrainer(
            model,
            encoding.codes,
            self.config.training,
            guarantee,
            loss_beta=self.config.architecture.loss_beta,
            device=self.device,
            batch_hooks=self._batch_hooks,
            epoch_hooks=self._epoch_hooks,
        )
        self._prepared, self._synthesizer = (encoding.encoder, trainer), None

    def generate(self, n_records: int, *, seed: int = 0) -> pd.DataFrame:
        """Make rows, see :meth:`TabularVAESynthesizer.generate`."""
        return self.synthesizer().generate(n_records, seed=seed)

    def synthesizer(self) -> TabularVAESynthesizer:
        """Return the synthesizer as trained so far; later training does not change it."""
        encoder, trainer = self._parts()
        if self._synthesizer is None or self._synthesizer[0] != trainer.epoch:
            trainer.model.eval()
            decoder = RowDecoder.from_model(trainer.model)
            prior = _prior(trainer, self.config, self.seed)
            if self.config.architecture.calibrate_marginals:
                counts = self._noisy_counts or trainer.counts()
                _calibrate(decoder, prior, counts, self.seed, self.device)
            made = TabularVAESynthesizer(encoder, decoder, prior, self.config, self.device)
            self._synthesizer = (trainer.epoch, made)
        return self._synthesizer[1]

    def evaluate(self) -> dict[str, float | None]:
        """Compute nats per row, see :meth:`TabularVAETrainer.evaluate`."""
        return self.trainer.evaluate()

    @property
    def encoder(self) -> TableEncoder:
        """The encoder of the table; available after :meth:`prepare` or :meth:`fit`."""
        return self._parts()[0]

    @property
    def trainer(self) -> TabularVAETrainer:
        """The training loop; available after :meth:`prepare` or :meth:`fit`."""
        return self._parts()[1]

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the training, see :meth:`TabularVAETrainer.state_dict`."""
        return self.trainer.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a state, after :meth:`prepare` with the same table, configuration and seeds."""
        self.trainer.load_state_dict(state)
        self._synthesizer = None

    def _parts(self) -> tuple[TableEncoder, TabularVAETrainer]:
        if self._prepared is None:
            raise DataError("the model has no table yet: call fit first")
        return self._prepared

    def _track(self, table: pd.DataFrame, tracker: Tracker, plan: ComparisonPlan) -> None:
        validation = self.config.validation
        held_out = split_rows(len(table), validation.holdout_fraction, self.split_seed)[1]
        comparison = plan.prepare(table, self.spec, held_out=held_out if len(held_out) else None)

        def generate(n: int) -> pd.DataFrame:
            temperature = validation.generation_temperature
            return self.synthesizer().generate(
                n, seed=self.seed, temperature=temperature, compact=True
            )

        self.trainer.epoch_hooks += [
            LoaderRoutine(validation.train_loader_routine_period, self.encoder.columns, tracker),
            ArtifactRoutine(
                validation.artifact_routine_period,
                generate,
                comparison,
                tracker,
                validation.generation_n_records or len(table),
            ),
            CheckpointRoutine(self.config.training.checkpoint_period, tracker),
        ]


def split_rows(
    n: int, holdout_fraction: float, seed: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the positions of training rows and of held-out rows of a table of ``n`` rows.

    Both are in random order, so that the first rows of each are a sample.
    """
    n_held_out = int(n * holdout_fraction)
    order = np.random.default_rng([seed, n]).permutation(n)
    return order[n_held_out:], order[:n_held_out]


def _network(
    config: TabularVAEConfig, encoder: TableEncoder, codes: np.ndarray[Any, Any], seed: int
) -> VAE:
    architecture = config.architecture
    return build_vae(
        architecture,
        encoder.cardinalities,
        encoder.code_orders,
        _column_order(architecture, codes, encoder.cardinalities),
        seed,
        batch_norm=config.training.dp is None,
    )


def _column_order(
    architecture: ArchitectureConfig, codes: np.ndarray[Any, Any], cardinalities: Sequence[int]
) -> Sequence[int] | None:
    if architecture.decoder == "independent":
        return None
    if architecture.column_order == "given":
        return range(len(cardinalities))
    return mutual_information_order(codes, cardinalities)


def _prior(trainer: TabularVAETrainer, config: TabularVAEConfig, seed: int) -> Prior:
    architecture = config.architecture
    if architecture.prior == "standard_normal" or not architecture.has_encoder:
        return StandardNormalPrior(architecture.latent_dim)
    model = trainer.model
    generator = torch.Generator(trainer.device).manual_seed(seed)
    with torch.inference_mode():
        z = model.latent.draw(*model.encode(trainer.codes[:_PRIOR_MAX_ROWS]), generator)
    return GaussianMixturePrior.fit(
        z, architecture.prior_components, seed=seed, min_rows=config.transformers.min_rows
    )


def _calibrate(
    decoder: RowDecoder,
    prior: Prior,
    counts: Sequence[torch.Tensor],
    seed: int,
    device: torch.device,
) -> None:
    generator = torch.Generator(device).manual_seed(seed)
    rows = int(np.clip(2 * int(counts[0].sum()), *_CALIBRATION_ROWS))
    rows = min(rows, max(_CALIBRATION_LOGITS // sum(decoder.cardinalities), _FEWEST_ROWS))
    calibrate(decoder, prior.sample(rows, generator), counts, generator)
