"""Time an epoch of the demo's network on heart beside plain PyTorch, and of both decoders on adult.

`bare loop`: the same network, trained by the shortest loop with the same result.
`bare network`: also a network in plain style, with an embedding and a head per column.
"""

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common import HEART, adult, show
from benchmarks.generation import FULL
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig, read_table
from tabvae_ray.model.loss import kl_divergence
from tabvae_ray.model.vae import VAE

EPOCHS = 200
ROUNDS = 7


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
    """Time the demo's network on heart, and both decoders on adult if it is there."""
    torch.set_num_threads(1)
    beside_others()
    table = adult()
    if table is not None:
        both_decoders(table)


def both_decoders(table: pd.DataFrame) -> None:
    """Time training of a network of full.yaml with both decoders."""
    rows = []
    for decoder in ("independent", "autoregressive"):
        leaves = {"architecture.decoder": decoder, "validation.holdout_fraction": 0.0}
        vae = TabularVAE.build(TableSpec.infer(table), FULL.replace(leaves))
        vae.prepare(table)
        vae.trainer.train(1)
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            vae.trainer.train(vae.trainer.epoch + 1)
            seconds.append(time.perf_counter() - started)
        rows.append((decoder, f"{median(seconds):.2f} s", f"{len(table) / median(seconds):,.0f}"))
    show(
        f"One epoch of a network of full.yaml on adult ({len(table):,} rows), one thread",
        rows,
        ("decoder", "median epoch", "rows/s"),
    )


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
