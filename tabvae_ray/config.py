"""All hyperparameters: name, default, bounds, unit and meaning.

The sections and names follow the demo that this project grew from, so that its ``config.json``
loads unchanged. Its type-prefixed spellings (``ls_encoder_layer_sizes``) are accepted as aliases.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.documents import parse_json, validated
from tabvae_ray.errors import ConfigError, brief, closest

__all__ = [
    "ArchitectureConfig",
    "DPConfig",
    "DataConfig",
    "GenerationConfig",
    "TabularVAEConfig",
    "TrackingConfig",
    "TrainingConfig",
    "TransformersConfig",
    "ValidationConfig",
]

Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")]
LayerSizes = Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(max_length=32)]


class _Section(ShortRepr):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )


class DataConfig(_Section):
    """The table and the kinds of its columns."""

    training_dataset_path: str | None = Field(None, description="Path or URI of the table.")
    continuous: tuple[str, ...] = Field(
        (),
        validation_alias=AliasChoices("continuous", "ls_cts_features"),
        description="Names of the continuous columns; inferred where empty.",
    )
    categorical: tuple[str, ...] = Field(
        (),
        validation_alias=AliasChoices("categorical", "ls_cat_features"),
        description="Names of the categorical columns; inferred where empty.",
    )


class TransformersConfig(_Section):
    """The encoding of columns."""

    strategy: Literal["uniform", "quantile", "atoms"] = Field(
        "atoms",
        description="uniform: equal-width bins, uniform draw inside (the demo's); quantile: bins "
        "of equal mass; atoms: frequent exact values get own codes, the rest quantile bins.",
    )
    n_bins_cts: int = Field(10, ge=2, le=65_536, description="Bins per continuous column.")
    atom_share: float = Field(
        0.01,
        gt=0,
        le=1,
        description="With strategy atoms: the least share of the rows that makes a value an atom.",
    )
    max_atoms: int = Field(
        100,
        ge=0,
        le=65_536,
        description="With strategy atoms: a column of no more distinct values is all atoms, if "
        "they repeat (twice each on average) or are whole numbers of as short a range.",
    )
    max_categories: int = Field(
        1000,
        ge=2,
        le=1_000_000,
        description="Most codes that one categorical column may take; rarer values share codes.",
    )
    min_rows: int = Field(
        5,
        ge=0,
        le=1_000_000,
        description="Least number of training rows, or of entities, that share a value which the "
        "model stores or generates on its own; 0 stores all values, however rare.",
    )


class ArchitectureConfig(_Section):
    """The network and its loss."""

    n_embd: int = Field(8, ge=1, le=4096, description="Embedding size per column.")
    ordinal_codes: bool = Field(
        True,
        description="Learn the codes of numbers and moments by the steps between neighbours, so "
        "that neighbours are alike; otherwise each has weights of its own.",
    )
    encoder_layer_sizes: LayerSizes = Field(
        (512, 256),
        validation_alias=AliasChoices("encoder_layer_sizes", "ls_encoder_layer_sizes"),
        description="Widths of the encoder's hidden layers, input side first.",
    )
    decoder_layer_sizes: LayerSizes | None = Field(
        None,
        validation_alias=AliasChoices("decoder_layer_sizes", "ls_decoder_layer_sizes"),
        description="Widths of the decoder's hidden layers; the encoder's mirrored if not given.",
    )
    latent_dim: int = Field(128, ge=1, le=65_536, description="Dimensions of the latent space.")
    loss_beta: float = Field(0.1, ge=0, le=1e6, description="Weight of the KL term in the loss.")
    leaky_relu_slope: float = Field(0.1, ge=0, lt=1, description="Slope below zero.")
    bn_momentum: float = Field(0.1, gt=0, le=1, description="Batch norm: weight of the new batch.")
    bn_epsilon: float = Field(1e-5, gt=0, le=1, description="Batch norm: added to the variance.")
    dropout_rate: float = Field(0.0, ge=0, lt=1, description="Share of hidden units dropped.")
    decoder: Literal["independent", "autoregressive"] = Field(
        "independent",
        description="independent: columns independent given z; autoregressive: each column also "
        "sees the columns before it.",
    )
    column_order: Literal["given", "mutual_information"] = Field(
        "given", description="Order of the columns of an autoregressive decoder."
    )
    column_hidden: int = Field(
        0,
        ge=0,
        le=65_536,
        description="Gated units that each column of an autoregressive decoder has between the "
        "columns before it and its head; 0 for none. With them, a column learns how the columns "
        "before it act together.",
    )
    latent: Literal["vae", "none"] = Field(
        "vae",
        description="vae: an encoder learns z; none: an autoregressive decoder is trained without "
        "encoder and prior, which costs less. An independent decoder always has an encoder.",
    )
    prior: Literal["standard_normal", "gmm"] = Field(
        "standard_normal",
        description="Distribution of z: N(0, I), or a Gaussian mixture fitted to the encoded "
        "training rows after training.",
    )
    prior_components: int = Field(16, ge=1, le=1024, description="Components of a gmm prior.")
    calibrate_marginals: bool = Field(
        True,
        description="After training, shift the heads' biases so that every generated column has "
        "the shares of the training rows.",
    )

    @property
    def has_encoder(self) -> bool:
        """True if z is learnt, so that rows depend on it."""
        return self.latent == "vae" or self.decoder == "independent"


class DPConfig(_Section):
    """Differentially private training, see ``docs/how-to/private-training.md``."""

    epsilon: float = Field(gt=0, le=1000, description="Bound on what a row may change.")
    delta: float = Field(gt=0, lt=1, description="Chance that the bound fails; below 1 / rows.")
    max_grad_norm: float = Field(
        1.0, gt=0, le=1e6, description="Largest norm of the gradient of one row."
    )
    preprocessing_share: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Share of epsilon for the encoding: bins, ranges and categories that the spec "
        "does not declare, and how often each code occurs.",
    )


class TrainingConfig(_Section):
    """The training loop."""

    device: Device = Field("auto", description="auto takes a GPU if there is one.")
    max_n_epochs: int = Field(100, ge=1, le=1_000_000, description="The budget, in epochs.")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Step size at the start.")
    batch_size: int = Field(512, ge=1, description="Rows per step; at most the whole table.")
    drop_last: bool = Field(False, description="Drop the last, smaller batch of an epoch.")
    shuffle: bool = Field(True, description="A new order of the rows every epoch.")
    checkpoint_period: int = Field(5, ge=1, description="Epochs between two checkpoints.")
    optimizer: Literal["adam", "adamw"] = Field("adam", description="adamw decouples the decay.")
    weight_decay: float = Field(0.0, ge=0, le=10, description="Weight decay of the optimiser.")
    scheduler: Literal["constant", "exponential", "cosine", "plateau"] = Field(
        "constant", description="Schedule of the learning rate over the epochs."
    )
    scheduler_gamma: float = Field(
        0.95,
        gt=0,
        le=1,
        description="exponential: factor per epoch; plateau: factor when the loss no longer falls.",
    )
    scheduler_patience: int = Field(
        5, ge=1, description="plateau: epochs without a lower loss before the rate falls."
    )
    warmup_epochs: float = Field(
        0.0, ge=0, description="Epochs over which the learning rate rises from zero, linearly."
    )
    kl_warmup_epochs: float = Field(
        0.0, ge=0, description="Epochs over which the KL weight rises from zero to loss_beta."
    )
    gradient_clip_norm: float | None = Field(
        None, gt=0, description="Largest norm of the gradient; not clipped if not given."
    )
    early_stopping: Literal["none", "train", "holdout"] = Field(
        "none", description="The loss that ends training when it no longer falls."
    )
    patience: int = Field(
        20, ge=1, description="early_stopping: epochs without a lower loss before the end."
    )
    autocast: bool | Literal["auto"] = Field(
        "auto",
        description="bfloat16 in the forward pass; auto: on GPUs that have it. CPUs without AMX "
        "are slower with it.",
    )
    dp: DPConfig | None = Field(
        None, description="Differentially private training; an ordinary one if not given."
    )

    @model_serializer(mode="wrap")
    def _without_absent_dp(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave ``dp`` out if it is not given, so that earlier versions read the rest."""
        found: dict[str, Any] = serialize(self)
        return {key: value for key, value in found.items() if key != "dp" or value is not None}


class ValidationConfig(_Section):
    """Measurements during training; all periods are in epochs or batches."""

    batch_routine_period: int = Field(1, ge=1, description="Batches between two batch losses.")
    train_loader_routine_period: int = Field(
        5, ge=1, description="Epochs between two passes over the training rows."
    )
    artifact_routine_period: int = Field(
        5, ge=1, description="Epochs between two comparisons with generated rows."
    )
    generation_n_records: int | None = Field(
        None,
        ge=2,
        description="Rows generated for a comparison; as many as real ones if not given.",
    )
    generation_temperature: float = Field(
        1.0, gt=0, le=100, description="Temperature of the rows generated for a comparison."
    )
    holdout_fraction: float = Field(
        0.1, ge=0, le=0.5, description="Share of the rows kept from training, to measure on."
    )


class GenerationConfig(_Section):
    """Defaults of ``generate``."""

    temperature: float = Field(1.0, gt=0, le=100, description="Above 1 flattens, below 1 sharpens.")
    use_mean: bool = Field(False, description="Decode z = 0 in place of draws from the prior.")
    sample: bool = Field(
        True, description="Draw codes from the heads; otherwise take the likeliest."
    )


class TrackingConfig(_Section):
    """The place of a training run's results."""

    experiment_id: str = Field("tabular_vae", min_length=1, description="Name of the experiment.")


class TabularVAEConfig(_Section):
    """The complete configuration of one training run.

    Build one with :meth:`from_mapping` or :meth:`from_json`, or by replacing dotted leaves of
    another one with :meth:`replace`. It is shown by what is not a default; ``model_dump()`` has
    everything.
    """

    data: DataConfig = DataConfig()
    transformers: TransformersConfig = TransformersConfig()
    architecture: ArchitectureConfig = ArchitectureConfig()
    training: TrainingConfig = TrainingConfig()
    validation: ValidationConfig = ValidationConfig()
    generation: GenerationConfig = GenerationConfig()
    tracking: TrackingConfig = TrackingConfig()

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], source: str = "configuration") -> Self:
        """Validate a nested mapping.

        Raises:
            ConfigError: Naming every key that breaks a rule, the rule, and the value.
        """
        return validated(cls, mapping, source)

    @classmethod
    def from_json(cls, text: str | bytes, source: str = "configuration") -> Self:
        """Validate JSON text, such as the demo's ``config.json``.

        Raises:
            ConfigError: If the text is not a JSON object or a key in it breaks a rule.
        """
        try:
            mapping = parse_json(text)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{source}: not JSON: {error}") from None
        if not isinstance(mapping, dict):
            raise ConfigError(f"{source}: must be a JSON object, but got {type(mapping).__name__}")
        return cls.from_mapping(mapping, source)

    @classmethod
    def demo(cls) -> Self:
        """Return the demo's defaults: ten uniform bins, its sizes, no fit after training."""
        return cls(
            transformers=TransformersConfig(strategy="uniform", n_bins_cts=10),
            architecture=ArchitectureConfig(ordinal_codes=False, calibrate_marginals=False),
        )

    def replace(self, leaves: Mapping[str, Any], source: str = "configuration") -> Self:
        """Return a copy with dotted leaves replaced, such as ``{"architecture.latent_dim": 16}``.

        Raises:
            ConfigError: If a name is unknown or a value breaks its rule.
        """
        if not isinstance(leaves, Mapping):
            raise ConfigError(
                f"{source}: must be a mapping of dotted names to values, but got {brief(leaves)}"
            )
        nested = self.model_dump(mode="json")
        for name, value in leaves.items():
            section, _, leaf = str(name).partition(".")
            if section not in nested or not leaf:
                known = [f"{part}.{key}" for part, keys in nested.items() for key in keys]
                raise ConfigError(f"{source}: {name}: no such parameter{closest(name, known)}")
            nested[section][leaf] = value
        return self.from_mapping(nested, source)
