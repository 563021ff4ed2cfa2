"""Rows per second of generation on one core, beside what the matrix products alone allow."""

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import numpy as np
import torch

from benchmarks.common import HEART, show
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig, read_table

ROWS = 131_072
ROUNDS = 5


def main() -> None:
    """Generate with the demo's network, for both decoders."""
    torch.set_num_threads(1)
    table = read_table(HEART)
    rows = []
    for decoder in ("independent", "autoregressive"):
        config = TabularVAEConfig.demo().replace(
            {"training.max_n_epochs": 20, "architecture.decoder": decoder}
        )
        vae = TabularVAE.build(TableSpec.infer(table), config)
        vae.fit(table)
        made = vae.synthesizer()
        bound = ROWS / timed(lambda v=vae: products(v))
        whole = ROWS / timed(lambda m=made: m.generate(ROWS, compact=True))
        frame = ROWS / timed(lambda m=made: m.generate(ROWS))
        rows += [
            (decoder, "matrix products alone", f"{bound:,.0f}", "1.00"),
            (decoder, "generate, categories as such", f"{whole:,.0f}", f"{whole / bound:.2f}"),
            (decoder, "generate, the table's dtypes", f"{frame:,.0f}", f"{frame / bound:.2f}"),
        ]
    show(
        "Generation with the demo's network on heart, one thread",
        rows,
        ("decoder", "what", "rows/s", "share of the bound"),
    )


def products(vae: TabularVAE) -> None:
    """The decoder's matrix products for ROWS rows, nothing else, in blocks that fit the cache."""
    architecture = vae.config.architecture
    hidden = architecture.decoder_layer_sizes or architecture.encoder_layer_sizes[::-1]
    sizes = [architecture.latent_dim, *hidden]
    weights = [torch.randn(a, b) for a, b in pairwise(sizes)]
    heads = [torch.randn(sizes[-1], k) for k in vae.encoder.cardinalities]
    x = torch.randn(2048, sizes[0])
    for _ in range(ROWS // len(x)):
        h = x
        for weight in weights:
            h = h @ weight
        if architecture.decoder == "independent":
            h @ torch.cat(heads, 1)
        else:
            for head in heads:
                h @ head


def timed(action: Callable[[], object]) -> float:
    """Median seconds."""
    action()
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return float(np.float64(median(seconds)))


if __name__ == "__main__":
    main()
