"""Time training: the demo's network beside plain PyTorch, and larger ones beside their products.

`bare loop`: the same network, trained by the shortest loop with the same result.
`bare network`: also a network in plain style, with an embedding and a head per column.
With `--compiled`, the steps are timed beside themselves compiled by `torch.compile`.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common import HEART, adult, covertype, show
from benchmarks.generation import DECODERS, FULL
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig, read_table
from tabvae_ray.model.loss import kl_divergence
from tabvae_ray.model.vae import VAE

EPOCHS = 200
ROUNDS = 7
# Steps per round, few enough that a shared machine treats both sides of a round alike.
STEPS = 15
# Rows whose codes set the sizes of the network.
FIRST_ROWS = 9_000
# The first initial point of full.yaml, as far as it differs from FULL and matters for a step.
FIRST_POINT = {
    "architecture.encoder_layer_sizes": [128],
    "architecture.n_embd": 16,
    "architecture.dropout_rate": 0.6,
    "validation.holdout_fraction": 0.0,
    "training.max_n_epochs": 10**6,
}


class BareVAE(nn.Module):
    """The demo's network in plain PyTorch."""

    def __init__(self, cardinalities: tuple[int, ...], latent: int = 128) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(k, 8) for k in cardinalities])
        self.encoder = self.mlp([8 * len(cardinalities), 512, 256])
        self.latent = nn.Linear(256, 2 * latent)
        self.decoder = self.mlp([latent, 256, 512])
        self.heads = nn.ModuleList([nn.Linear(512, k) for k in cardinalities])

    @staticmethod
    def mlp(sizes: list[int]) -> nn.Sequential:
        """Build blocks of linear, activation and batch norm."""
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.1), nn.BatchNorm1d(n_out)]
        return nn.Sequential(*layers)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Compute cross-entropy per cell (B, C) and KL per row (B,)."""
        embedded = [embed(codes[:, i]) for i, embed in enumerate(self.embeddings)]
        mean, log_variance = self.latent(self.encoder(torch.cat(embedded, 1))).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        hidden = self.decoder(z)
        cells = [
            functional.cross_entropy(head(hidden), codes[:, i], reduction="none")
            for i, head in enumerate(self.heads)
        ]
        return torch.stack(cells, 1), kl_divergence(mean, log_variance)


def bare_epoch(
    network: nn.Module, codes: Tensor, optimizer: torch.optim.Optimizer, *extra: object
) -> None:
    """Train an epoch as a tutorial would, with the mean loss that everybody prints."""
    network.train()
    total = 0.0
    for batch in torch.split(codes[torch.randperm(len(codes))], 512):
        optimizer.zero_grad()
        cells, kl = network(batch, *extra)
        loss = cells.sum(1).mean() + 0.1 * kl.mean()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)


def main() -> None:
    """Time the demo's network on heart, and steps of full.yaml's first point on larger tables."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--compiled", action="store_true")
    if parser.parse_args().compiled:
        beside_compiled(adult())
        return
    beside_others()
    rows = []
    for name, table in (("adult", adult()), ("covertype", covertype())):
        if table is not None:
            rows += [
                (name, decoder, *share_of_products(table, decoder, n_rows))
                for decoder in DECODERS
                for n_rows in (128, 512)
            ]
    show(
        "A training step beside its matrix products alone, CPU time on one thread",
        rows,
        ("table", "decoder", "batch", "step", "matrix products", "share of the bound", "rows/s"),
    )


def built(table: pd.DataFrame, decoder: str, n_rows: int) -> TabularVAE:
    """Return the first point of `full.yaml`, with epochs of some steps."""
    leaves = {**DECODERS[decoder], "training.batch_size": n_rows, **FIRST_POINT}
    table = table.iloc[:FIRST_ROWS]
    vae = TabularVAE.build(TableSpec.infer(table), FULL.replace(leaves), device="cpu")
    vae.prepare(table)
    vae.trainer.codes = vae.trainer.codes[: STEPS * n_rows]
    return vae


def times(n: int, run: Callable[[], object]) -> None:
    """Run something several times."""
    for _ in range(n):
        run()


def in_turns(sides: Sequence[Callable[[], object]]) -> list[list[float]]:
    """Return CPU seconds per step of each side, by round; the first round warms up."""
    seconds: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS + 1):
        for side, measured in zip(sides, seconds, strict=True):
            started = time.process_time()
            side()
            measured.append((time.process_time() - started) / STEPS)
    return [measured[1:] for measured in seconds]


def beside_compiled(table: pd.DataFrame) -> None:
    """Time steps beside the same steps compiled, and how long they take to compile."""
    rows = []
    for decoder in DECODERS:
        for n_rows in (128, 512):
            plain, compiled = (built(table, decoder, n_rows) for _ in range(2))
            compiled.trainer.forward = torch.compile(compiled.trainer.model)
            started = time.perf_counter()
            compiled.trainer.train(1)
            first = time.perf_counter() - started
            ours, theirs = in_turns(
                [
                    lambda vae=vae: vae.trainer.train(vae.trainer.epoch + 1)  # type: ignore[misc]
                    for vae in (plain, compiled)
                ]
            )
            ratio = median(b / a for a, b in zip(ours, theirs, strict=True))
            step, other = (f"{1e3 * median(side):.1f} ms" for side in (ours, theirs))
            rows.append((decoder, f"{n_rows}", step, other, f"{ratio:.2f}", f"{first:.0f} s"))
    show(
        "A training step on adult, CPU time on one thread",
        rows,
        ("decoder", "batch", "step", "compiled", "compiled / step", "first epoch, compiled"),
    )


def share_of_products(table: pd.DataFrame, decoder: str, n_rows: int) -> tuple[str, ...]:
    """Time steps and their matrix products in turns; CPU time, because others use the machine."""
    vae = built(table, decoder, n_rows)
    products = matrix_products(vae)
    sides = (lambda: vae.trainer.train(vae.trainer.epoch + 1), lambda: times(STEPS, products))
    seconds = in_turns(sides)
    step, bound = (median(measured) for measured in seconds)
    share = median(b / s for s, b in zip(*seconds, strict=True))
    both = (f"{1e3 * step:.1f} ms", f"{1e3 * bound:.1f} ms")
    return f"{n_rows}", *both, f"{share:.2f}", f"{n_rows / step:,.0f}"


def matrix_products(vae: TabularVAE) -> Callable[[], object]:
    """Return a function with only the matrix products of a step, forward and backward."""
    architecture, n_rows = vae.config.architecture, vae.config.training.batch_size
    cardinalities, n_embd = vae.encoder.cardinalities, architecture.n_embd
    hidden = architecture.decoder_layer_sizes or architecture.encoder_layer_sizes[::-1]
    encoder = [len(cardinalities) * n_embd, *architecture.encoder_layer_sizes]
    shapes = [
        (n_rows, n_in, n_out)
        for sizes in (
            [*encoder, 2 * architecture.latent_dim],
            [architecture.latent_dim, *hidden],
        )
        for n_in, n_out in pairwise(sizes)
    ]
    if architecture.decoder == "independent":
        shapes.append((n_rows, hidden[-1], sum(cardinalities)))
    else:
        width = hidden[-1]
        if architecture.column_hidden:
            width = architecture.column_hidden
            shapes += [(n_rows, hidden[-1], 2 * width)] * len(cardinalities)
        shapes += [(n_rows, width, k) for k in cardinalities]
        shapes += [(k, n_embd, hidden[-1]) for k in cardinalities]
    layers = [
        (torch.randn(n, n_in), torch.randn(n_out, n_in), torch.randn(n, n_out))
        for n, n_in, n_out in shapes
    ]

    def multiply() -> None:
        for x, weight, gradient in layers:
            x @ weight.T
            gradient @ weight
            gradient.T @ x

    return multiply


def beside_others() -> None:
    """Time all three loops in turns, and print the medians."""
    table = read_table(HEART)
    spec = TableSpec.infer(table)
    config = TabularVAEConfig.demo().replace(
        {"training.max_n_epochs": 10**6, "validation.holdout_fraction": 0.0}
    )
    vae = TabularVAE.build(spec, config)
    vae.prepare(table)
    codes = vae.trainer.codes
    cardinalities = vae.encoder.cardinalities
    generator = torch.Generator().manual_seed(0)
    same = VAE(cardinalities)
    bare = BareVAE(cardinalities)
    adam = torch.optim.Adam
    same_adam, bare_adam = (adam(n.parameters(), lr=1e-3, fused=True) for n in (same, bare))
    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: vae.trainer.train(vae.trainer.epoch + 1),
        "bare loop, same network": lambda: bare_epoch(same, codes, same_adam, generator),
        "bare network and loop": lambda: bare_epoch(bare, codes, bare_adam),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, epoch in sides.items():
            started = time.perf_counter()
            for _ in range(EPOCHS // ROUNDS):
                epoch()
            seconds[name].append((time.perf_counter() - started) / (EPOCHS // ROUNDS))
    ours = median(seconds["ours"])
    show(
        "One epoch of the demo's network on heart (918 rows), one thread",
        [
            (
                name,
                f"{1e3 * median(s):.2f} ms",
                f"{ours / median(s):.2f}",
                f"{918 / median(s):,.0f}",
            )
            for name, s in seconds.items()
        ],
        ("side", "median epoch", "ours / side", "rows/s"),
    )


if __name__ == "__main__":
    main()
