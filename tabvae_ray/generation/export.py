"""Write exports, and read them with every check that an untrusted directory needs.

An export is a directory of plain weights and JSON. It may come from anybody: loading it runs no
code from it, files that are too large are not read, and weights that cannot make rows are refused
at once rather than when rows are made.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tabvae_ray import __version__
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import ConfigError, DataError, ExportError, brief, one_line
from tabvae_ray.generation.export_files import read_document, read_weights, replace_export
from tabvae_ray.generation.model_card import file_name, model_card
from tabvae_ray.model.draw import check_temperature
from tabvae_ray.model.prior import GaussianMixturePrior, Prior, StandardNormalPrior
from tabvae_ray.model.row_decoder import RowDecoder, decoder_from_parts
from tabvae_ray.storage import Location
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.uri import masked

__all__ = ["FORMAT_VERSION", "ExportedModel", "read_export", "write_export"]

# The newest version of the layout: 2 has rules, 3 generates identifiers or names Arrow types, 4
# leaves out values that few rows have, and 5 has columns with gated units. Exports without them
# are written as an earlier version, which earlier releases read.
FORMAT_VERSION = 5

_FORMAT = "tabvae_ray synthesizer"
_MAX_LOGIT = 1e30
# Draws from the prior that the bound on the logits is computed from.
_TRIAL_ROWS = 1024


@dataclass(frozen=True)
class ExportedModel:
    """The parts of a synthesizer that an export keeps.

    Args:
        encoder: Turns codes into values; fitted, and with the table's spec.
        decoder: Turns latent vectors into codes.
        prior: The distribution of latent vectors.
        config: The configuration that the model was trained with.
    """

    encoder: TableEncoder
    decoder: RowDecoder
    prior: Prior
    config: TabularVAEConfig


def write_export(
    model: ExportedModel,
    target: Location,
    scores: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Write an export: weights, JSON, scores and a model card.

    ``synthesizer.json`` is written last: a directory without it is not an export. An export that is
    there is replaced so that at every moment the old or the new one can be loaded.

    Args:
        model: The model.
        target: The directory.
        scores: The content of ``scores.json``.
        provenance: The origin of the model: search, trial, table, versions.

    Raises:
        ConfigError: If scores or provenance are no mapping, or cannot be written as JSON.
        ExportError: If the directory holds no export, but a file of the name of one of its files.
        StorageError: If a file cannot be written.
    """
    from safetensors.torch import save

    for name, given in (("scores", scores), ("provenance", provenance)):
        if not isinstance(given, Mapping):
            raise ConfigError(f"{name} must be a mapping, but got {brief(given)}")
        try:
            json.dumps(dict(given))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{name} cannot be written as JSON: {one_line(error)}") from None
    config = model.config.model_dump(mode="json")
    path = config["data"]["training_dataset_path"]
    if path is not None:
        # Exports are given to others.
        config["data"]["training_dataset_path"] = masked(path)
    origin = dict(provenance)
    for key in ("data", "configuration"):
        if key in origin:
            origin[key] = file_name(origin[key])
    tensors = {**model.decoder.tensors(), **model.prior.tensors()}
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    # Only measurements need it, and earlier releases do not read it.
    spec = model.encoder.spec.model_copy(update={"privacy": None})
    document = {
        "format": _FORMAT,
        "format_version": _version_of(spec, model.decoder),
        "tabvae_ray": __version__,
        "spec": spec.to_mapping(),
        "encoder": model.encoder.to_mapping(),
        "rules": model.encoder.keeper.to_mapping(),
        "decoder": model.decoder.structure(),
        "prior": "gmm" if isinstance(model.prior, GaussianMixturePrior) else "standard_normal",
        "config": config,
        "provenance": origin,
    }
    others = {
        "scores.json": (json.dumps(dict(scores), indent=2) + "\n").encode(),
        "README.md": model_card(spec, scores, origin).encode(errors="backslashreplace"),
    }
    replace_export(target, document, save(tensors), others)


def read_export(source: Location) -> ExportedModel:
    """Read an export, and check that it can make rows.

    Raises:
        ExportError: If it is not an export, was written by a newer format version, or its parts
            are damaged or do not fit each other.
        StorageError: If it cannot be read.
    """
    document = read_document(source)
    _check_format(document, source)
    tensors = _read_tensors(*read_weights(source, document))
    try:
        return _assemble(document, tensors, source)
    except (ConfigError, DataError, ExportError) as error:
        text = str(error)
        raise ExportError(text if str(source) in text else f"{source}: {text}") from None
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise ExportError(f"{source}: its parts do not fit together: {brief(error)}") from None


def _version_of(spec: TableSpec, decoder: RowDecoder) -> int:
    """Return the earliest version of the layout that has what a spec and a decoder need."""
    if decoder.hidden is not None:
        return 5
    if spec.min_rows or spec.entity or any(c.rare_label is not None for c in spec.columns):
        return 4
    if spec.arrow_types or any(column.made_of is not None for column in spec.columns):
        return 3
    return 2 if spec.rules else 1


def _check_format(document: Mapping[str, Any], source: Location) -> None:
    version = document.get("format_version")
    # True is an int.
    if document.get("format") != _FORMAT or type(version) is not int:
        raise ExportError(f"{source}: synthesizer.json is not that of a tabvae_ray export")
    if version < 1:
        raise ExportError(f"{source}: format_version must be >= 1, but got {brief(version)}")
    if version > FORMAT_VERSION:
        raise ExportError(
            f"{source}: format_version is {version}, but this tabvae_ray {__version__} reads up to "
            f"{FORMAT_VERSION}: install a newer tabvae_ray"
        )
    missing = {"spec", "encoder", "decoder", "prior", "config"} - document.keys()
    if missing:
        raise ExportError(f"{source}: synthesizer.json has no {', '.join(sorted(missing))}")


def _assemble(
    document: Mapping[str, Any], tensors: Mapping[str, Tensor], source: Location
) -> ExportedModel:
    spec = TableSpec.from_mapping(document["spec"], source=f"{source}: spec")
    encoder = TableEncoder.from_mapping(document["encoder"], spec, document.get("rules"))
    config = TabularVAEConfig.from_mapping(document["config"], source=f"{source}: config")
    check_temperature(config.generation.temperature)
    decoder = decoder_from_parts(document["decoder"], encoder.cardinalities, tensors)
    if decoder.latent_dim != config.architecture.latent_dim:
        raise ExportError(
            f"{source}: the decoder has {decoder.latent_dim} latent dimensions, but the "
            f"configuration {config.architecture.latent_dim}"
        )
    prior = _read_prior(document["prior"], decoder.latent_dim, tensors)
    unexpected = tensors.keys() - decoder.tensors().keys() - prior.tensors().keys()
    if unexpected:
        raise ExportError(
            f"{source}: model.safetensors has an unexpected tensor {brief(min(unexpected))}"
        )
    _check_rows(encoder, decoder, prior)
    return ExportedModel(encoder, decoder, prior, config)


def _read_tensors(source: Location, data: bytes) -> dict[str, Tensor]:
    """Read weights by name, all of finite float32.

    Args:
        source: The file.
        data: Its content.

    Raises:
        ExportError: If they are not finite float32.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors: dict[str, Tensor] = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ExportError(f"{source}: not safetensors: {error}") from None
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32:
            raise ExportError(f"{source}: {name} must be float32, but is {tensor.dtype}")
        if not bool(torch.isfinite(tensor).all()):
            raise ExportError(f"{source}: {name} has values that are NaN or infinite")
    return tensors


def _read_prior(kind: object, latent_dim: int, tensors: Mapping[str, Tensor]) -> Prior:
    """Build the prior of a kind from its tensors.

    Raises:
        ExportError: If there is no such kind, or the tensors are not those of such a prior.
    """
    if kind == "standard_normal":
        return StandardNormalPrior(latent_dim)
    if kind != "gmm":
        raise ExportError(f"prior must be standard_normal or gmm, but got {brief(kind)}")
    names = ("prior.weights", "prior.means", "prior.factors")
    absent = [name for name in names if name not in tensors]
    if absent:
        raise ExportError(f"prior: model.safetensors has no {', '.join(absent)}")
    weights, means, factors = (tensors[name] for name in names)
    n = weights.shape[0] if weights.dim() else 0
    shapes = [tuple(t.shape) for t in (weights, means, factors)]
    if shapes != [(n,), (n, latent_dim), (n, latent_dim, latent_dim)] or n == 0:
        raise ExportError(f"prior: the shapes {shapes} do not fit {latent_dim} latent dimensions")
    if bool((weights < 0).any()) or abs(float(weights.double().sum()) - 1) > 1e-3:
        raise ExportError("prior: weights must be >= 0 and add to 1")
    return GaussianMixturePrior(weights, means, factors)


@torch.inference_mode()
def _check_rows(encoder: TableEncoder, decoder: RowDecoder, prior: Prior) -> None:
    """Check that rows can be made: all codes have values, and all logits are finite.

    Raises:
        ExportError: If a logit could be too large to compute with.
        ArithmeticError, LookupError, RuntimeError, TypeError, ValueError: If a code has no value.
    """
    cardinalities = encoder.cardinalities
    codes = np.minimum(np.arange(max(cardinalities))[:, None], np.array(cardinalities) - 1)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        encoder.decode(codes, np.random.default_rng(0))

    generator = torch.Generator().manual_seed(0)
    z = torch.cat([prior.sample(_TRIAL_ROWS, generator), prior.mean(1, torch.device("cpu"))])
    largest = decoder.features(z).abs().amax(0).double()
    if decoder.context is not None:
        # A bound for any codes of the columns before.
        for part in torch.split(decoder.context, list(decoder.cardinalities)):
            largest += part.abs().amax(0).double()
    if decoder.hidden is not None:
        weight, bias = (tensor.abs().double() for tensor in decoder.hidden)
        # The largest of any column. A SiLU is never larger than its input.
        units = (weight @ largest + bias).view(len(decoder.cardinalities), 2, -1).amax(0)
        largest = units[0] * units[1]
    logit = float((decoder.head_weight.abs().double() @ largest).max())
    logit += float(decoder.head_bias.abs().max())
    # NaN is refused as well.
    if not logit <= _MAX_LOGIT:
        raise ExportError(f"decoder: weights give logits of up to {logit:.3g}, which is too large")
