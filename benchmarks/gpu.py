"""Rows per second of training and generation on a GPU, beside one core of a CPU.

Training is timed with steps that are captured once and replayed, and with steps that Python
launches operation by operation. Several trainings then share the GPU, as trials do that ask for a
fraction of one.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from multiprocessing import get_context
from statistics import median
from typing import Any

import pandas as pd
import torch

from benchmarks.common import HEART, adult, show
from benchmarks.generation import DECODERS, FULL
from benchmarks.training import FIRST_POINT, FIRST_ROWS
from tabvae_ray import (
    TableSpec,
    TabularVAE,
    TabularVAESynthesizer,
    load_synthesizer,
    read_table,
)

PARTS = ("training", "generation", "shared", "memory")
ROUNDS = 3
BATCHES = (128, 512, 2048)
SHARES = (1, 2, 4, 8)
SECONDS = 3.0
CPU_ROWS, GPU_ROWS = 65_536, 1_048_576


def main() -> None:
    """Print a table of training, one of generation, and one of a shared GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="the other device (cuda)")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this (all)")
    options = parser.parse_args()
    device, parts = options.device, options.part or PARTS
    torch.set_num_threads(1)
    if device == "cuda":
        print(torch.cuda.get_device_name(), "torch", torch.__version__)
    if "training" in parts:
        show(
            "Training, rows/s",
            [
                (name, str(n_rows), *training_rates(name, n_rows, device))
                for name in DECODERS
                for n_rows in BATCHES
            ],
            ("decoder", "batch", "CPU core", "GPU, launched", "GPU, replayed", "to CPU", "to GPU"),
        )
    if "generation" in parts:
        show(
            "Generation, rows/s (categories as such)",
            [(name, *generation_rates(name, device)) for name in DECODERS],
            ("decoder", "CPU core", "GPU", "ratio", "GPU, codes only", "ratio"),
        )
    if "shared" in parts:
        rates = [shared(n, device) for n in SHARES]
        show(
            "Trainings that share a GPU (autoregressive, gated units, batches of 512)",
            [
                (str(n), f"{rate:,.0f}", f"{rate / rates[0][0]:.2f}", f"{memory / 2**20:,.0f}")
                for n, (rate, memory) in zip(SHARES, rates, strict=True)
            ],
            ("trainings", "rows/s together", "to one", "GPU memory of each, MiB"),
        )
    if "memory" in parts and device == "cuda":
        memory_after_training()


@cache
def known_table() -> tuple[pd.DataFrame, TableSpec]:
    """Return rows, and what they hold."""
    table = adult()
    table = read_table(HEART) if table is None else table.iloc[:FIRST_ROWS]
    return table, TableSpec.infer(table)


def training(decoder: str, n_rows: int, device: str) -> TabularVAE:
    """Prepare a training whose epoch is some batches."""
    table, spec = known_table()
    leaves = {**DECODERS[decoder], "training.batch_size": n_rows, **FIRST_POINT}
    vae = TabularVAE.build(spec, FULL.replace(leaves), device=device)
    vae.prepare(table)
    codes = vae.trainer.codes
    # A table of one epoch's rows, all batches full.
    n_batches = max(4, 8192 // n_rows)
    vae.trainer.codes = codes.repeat(n_batches * n_rows // len(codes) + 1, 1)[: n_batches * n_rows]
    return vae


def training_rates(decoder: str, n_rows: int, device: str) -> tuple[str, ...]:
    """Time epochs on both devices, and on the second one in both ways."""
    cpu = training(decoder, n_rows, "cpu")
    by_operation = training(decoder, n_rows, device)
    model = by_operation.trainer.model
    # A forward pass that is not the model's own is not captured.
    by_operation.trainer.forward = lambda *arguments: model(*arguments)
    replayed = training(decoder, n_rows, device)
    rates = [epoch_rate(vae) for vae in (cpu, by_operation, replayed)]
    last = [vae.trainer.history[3]["loss"] for vae in (by_operation, replayed)]
    if abs(last[0] - last[1]) > 1e-3 * abs(last[0]):
        print(f"losses differ: {last}")
    return (
        *(f"{rate:,.0f}" for rate in rates),
        f"{rates[2] / rates[0]:.1f}",
        f"{rates[2] / rates[1]:.1f}",
    )


def epoch_rate(vae: TabularVAE) -> float:
    """Measure rows per second of training, the median of some epochs."""
    trainer = vae.trainer
    trainer.train(4)
    rows = len(trainer.codes)
    return rows / timed(lambda: trainer.train(trainer.epoch + 1))


def timed(action: Callable[[], object]) -> float:
    """Return the median seconds of an action that ends with a result on the CPU."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def generation_rates(decoder: str, device: str) -> tuple[str, ...]:
    """Time rows with their values, and codes alone."""
    vae = training(decoder, 512, device)
    vae.trainer.train(1)
    rates: list[float] = []
    codes: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        vae.synthesizer().save(folder + "/made")
        sides = [
            (load_synthesizer(folder + "/made", where), n_rows)
            for where, n_rows in (("cpu", CPU_ROWS), (device, GPU_ROWS))
        ]
    for made, n_rows in sides:
        for draw, found in ((rows_of, rates), (codes_of, codes)):
            draw(made, 1000)
            found.append(n_rows / timed(partial(draw, made, n_rows)))
    return (
        *(f"{rate:,.0f}" for rate in rates),
        f"{rates[1] / rates[0]:.1f}",
        f"{codes[1]:,.0f}",
        f"{codes[1] / codes[0]:.1f}",
    )


def rows_of(made: TabularVAESynthesizer, n_rows: int) -> None:
    """Generate rows."""
    made.generate(n_rows, compact=True)


def codes_of(made: TabularVAESynthesizer, n_rows: int) -> None:
    """Draw the codes of rows, without their values."""
    generator = torch.Generator(made.device).manual_seed(0)
    z = made.prior.sample(n_rows, generator)
    made.decoder.decode(z, generator=generator).cpu()


def shared(n_trainings: int, device: str) -> tuple[float, int]:
    """Train in several processes at once; return the rows per second of all, and bytes of each."""
    context = get_context("spawn")
    barrier, answers = context.Barrier(n_trainings), context.Queue()
    processes = [
        context.Process(target=train_along, args=(device, barrier, answers))
        for _ in range(n_trainings)
    ]
    for process in processes:
        process.start()
    found = [answers.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()
    return sum(rate for rate, _ in found), max(memory for _, memory in found)


def train_along(device: str, barrier: Any, answers: Any) -> None:
    """Train for some seconds beside other processes."""
    torch.set_num_threads(1)
    trainer = training("autoregressive, gated units", 512, device).trainer
    trainer.train(4)
    barrier.wait()
    started, first = time.perf_counter(), trainer.epoch
    while time.perf_counter() - started < SECONDS:
        trainer.train(trainer.epoch + 1)
    rate = (trainer.epoch - first) * len(trainer.codes) / (time.perf_counter() - started)
    answers.put((rate, torch.cuda.max_memory_reserved() if device == "cuda" else 0))


def memory_after_training() -> None:
    """Print the GPU memory that is in use before, during and after three trainings in turn."""
    rows = []
    for number in range(1, 4):
        before = torch.cuda.memory_reserved()
        vae = training("autoregressive, gated units", 512, "cuda")
        vae.trainer.train(4)
        during = torch.cuda.memory_reserved()
        del vae
        gc.collect()
        torch.cuda.empty_cache()
        after = torch.cuda.memory_reserved()
        rows.append((str(number), *(f"{n / 2**20:,.0f}" for n in (before, during, after))))
    show(
        "GPU memory of trainings in one process, MiB",
        rows,
        ("training", "before", "in it", "after"),
    )


if __name__ == "__main__":
    main()
