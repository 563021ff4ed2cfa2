"""The parts of an export, read and refused where no model of this package could have left them.

An export may come from anybody. Nothing in it is run; what is too large is not read, and what would
not make rows is refused at once rather than when rows are made.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tabvae_ray.errors import ExportError
from tabvae_ray.model.prior import GaussianMixturePrior, Prior, StandardNormalPrior
from tabvae_ray.model.row_decoder import RowDecoder
from tabvae_ray.storage import Location
from tabvae_ray.table.encoding import TableEncoder

__all__ = ["FORMAT_VERSION", "check_rows", "read_document", "read_prior", "read_tensors"]

_MAX_LOGIT = 1e30
# Far above any real model; what is larger was not made by this package.
_MAX_JSON_BYTES = 256 * 2**20
_MAX_WEIGHT_BYTES = 16 * 2**30
_MAX_DEPTH = 32
# Draws from the prior that the largest logit is judged by.
_TRIAL_ROWS = 1024


def read_document(source: Location) -> dict[str, Any]:
    """A JSON object of finite numbers.

    Raises:
        ExportError: If it is none, too large, or nested too deeply.
        StorageError: If it cannot be read.
    """
    data = _read(source, _MAX_JSON_BYTES)

    def refuse(constant: str) -> float:
        raise ExportError(f"{source}: numbers must be finite, but got {constant}")

    try:
        document = json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{source}: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ExportError(f"{source}: must be a JSON object, but got {type(document).__name__}")
    level: list[Any] = [document]
    for _ in range(_MAX_DEPTH):
        inside = (part.values() if isinstance(part, dict) else part for part in level)
        level = [child for part in inside for child in part if isinstance(child, dict | list)]
        if not level:
            return document
    raise ExportError(f"{source}: nested more than {_MAX_DEPTH} levels deep")


def read_tensors(source: Location) -> dict[str, Tensor]:
    """Weights by name, all of finite float32.

    Raises:
        ExportError: If they are not, or too large.
        StorageError: If they cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = _read(source, _MAX_WEIGHT_BYTES)
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


def read_prior(kind: object, latent_dim: int, tensors: Mapping[str, Tensor]) -> Prior:
    """The prior of a kind, with what :meth:`tensors` gave.

    Raises:
        ExportError: If there is no such kind, or the tensors are not those of one.
    """
    if kind == "standard_normal":
        return StandardNormalPrior(latent_dim)
    if kind != "gmm":
        raise ExportError(f"prior must be standard_normal or gmm, but got {kind!r}")
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
def check_rows(encoder: TableEncoder, decoder: RowDecoder, prior: Prior) -> None:
    """Check that rows can be made: that all codes have values, and all logits will be finite.

    Raises:
        ExportError: If a logit could be too large to reckon with.
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
        # Whatever is drawn for the columns before.
        for part in torch.split(decoder.context, list(decoder.cardinalities)):
            largest += part.abs().amax(0).double()
    logit = float((decoder.head_weight.abs().double() @ largest).max())
    logit += float(decoder.head_bias.abs().max())
    # Written so that NaN is refused as well.
    if not logit <= _MAX_LOGIT:
        raise ExportError(f"decoder: weights make logits of up to {logit:.3g}, too large for rows")


def _read(source: Location, most: int) -> bytes:
    size = source.size()
    if size > most:
        raise ExportError(f"{source}: too large: {size} bytes")
    return source.read_bytes()


FORMAT_VERSION = 1


def _why_no_export(source: Location) -> str:
    if not source.exists():
        return "there is no such directory"
    if (source / "best" / "synthesizer.json").exists():
        return f"not an export, but the directory of a search; its export is {source / 'best'}"
    if (source / "search.json").exists():
        return "not an export, but the directory of a search that has chosen no model yet"
    return "not an export: it has no synthesizer.json"
