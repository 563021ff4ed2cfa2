"""Rows per second of generation on one core, beside the bound that matrix products alone set."""

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import numpy as np
import pandas as pd
import torch

from benchmarks.common import HEART, adult, show
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig, read_table

ROWS = 131_072
ROUNDS = 5
DECODERS: dict[str, dict[str, object]] = {
    "independent": {"architecture.decoder": "independent"},
    "autoregressive": {"architecture.decoder": "autoregressive"},
    "autoregressive, gated units": {
        "architecture.decoder": "autoregressive",
        "architecture.column_hidden": 32,
    },
}
HEADER = ("decoder", "what", "rows/s", "share of the bound")
FULL = TabularVAEConfig().replace(
    {
        "architecture.encoder_layer_sizes": [512, 256],
        "architecture.decoder_layer_sizes": [256, 512],
        "architecture.latent_dim": 16,
        "architecture.dropout_rate": 0.1,
        "training.optimizer": "adamw",
        "transformers.n_bins_cts": 50,
        "transformers.atom_share": 0.005,
    }
)


def main() -> None:
    """Time both decoders: of the demo's network on heart, and of one of full.yaml on adult."""
    torch.set_num_threads(1)
    show(
        "Generation with the demo's network on heart, one thread",
        [
            row
            for kind in DECODERS
            for row in rates(kind, read_table(HEART), TabularVAEConfig.demo())
        ],
        HEADER,
    )
    table = adult()
    if table is not None:
        show(
            "Generation with a network of full.yaml on adult, one thread",
            [row for kind in DECODERS for row in rates(kind, table, FULL)],
            HEADER,
        )


def rates(decoder: str, table: pd.DataFrame, config: TabularVAEConfig) -> list[tuple[str, ...]]:
    """Measure rows per second and their share of the bound."""
    leaves = {"training.max_n_epochs": 1, **DECODERS[decoder]}
    vae = TabularVAE.build(TableSpec.infer(table), config.replace(leaves))
    vae.fit(table)
    made = vae.synthesizer()
    bound = ROWS / timed(lambda: products(vae))
    whole = ROWS / timed(lambda: made.generate(ROWS, compact=True))
    frame = ROWS / timed(lambda: made.generate(ROWS))
    return [
        (decoder, "matrix products alone", f"{bound:,.0f}", "1.00"),
        (decoder, "generate, categories as such", f"{whole:,.0f}", f"{whole / bound:.2f}"),
        (decoder, "generate, the table's dtypes", f"{frame:,.0f}", f"{frame / bound:.2f}"),
    ]


def products(vae: TabularVAE) -> None:
    """Compute only the decoder's matrix products for ROWS rows, in blocks that fit the cache."""
    architecture = vae.config.architecture
    hidden = architecture.decoder_layer_sizes or architecture.encoder_layer_sizes[::-1]
    sizes = [architecture.latent_dim, *hidden]
    weights = [torch.randn(a, b) for a, b in pairwise(sizes)]
    width = sizes[-1]
    n_units = architecture.column_hidden if architecture.decoder == "autoregressive" else 0
    # Unused where columns have no gated units.
    layers = [torch.randn(width, 2 * n_units) for _ in vae.encoder.cardinalities]
    heads = [torch.randn(n_units or width, k) for k in vae.encoder.cardinalities]
    x = torch.randn(2048, sizes[0])
    for _ in range(ROWS // len(x)):
        h = x
        for weight in weights:
            h = h @ weight
        if architecture.decoder == "independent":
            h @ torch.cat(heads, 1)
        else:
            for layer, head in zip(layers, heads, strict=True):
                ((h @ layer)[:, :n_units] if n_units else h) @ head


def timed(action: Callable[[], object]) -> float:
    """Return the median seconds of an action."""
    action()
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return float(np.float64(median(seconds)))


if __name__ == "__main__":
    main()
