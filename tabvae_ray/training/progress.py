"""Progress of a training on a terminal or in a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tabvae_ray.command_line.notebook import NotebookLive
from tabvae_ray.command_line.terminal import Terminal
from tabvae_ray.training.trainer import TabularVAETrainer

__all__ = ["shown_progress"]


@contextmanager
def shown_progress(
    trainer: TabularVAETrainer, *, wanted: bool = True, console: Console | None = None
) -> Iterator[None]:
    """Show a bar with epoch and loss on stderr while a model trains.

    Nothing is shown where stderr is neither a terminal nor a notebook.

    Args:
        trainer: The training loop.
        wanted: Whether to show it.
        console: Where to show it; stderr if None.
    """
    console = console or Terminal(stderr=True)
    if not wanted or not (console.is_terminal or console.is_jupyter):
        yield
        return
    columns = (
        TextColumn("epoch {task.completed} of {task.total}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(compact=True),
    )
    bar = Progress(*columns, console=console)
    total = trainer.config.max_n_epochs
    task = bar.add_task("training", total=total, completed=trainer.epoch, loss="")

    def follow(trainer: TabularVAETrainer) -> None:
        loss = trainer.history[-1].get("loss")
        shown = "" if loss is None else f"loss {loss:.4g}"
        bar.update(task, completed=trainer.epoch, loss=shown)

    # rich shows nothing in a notebook without widgets, and asks for them.
    live = NotebookLive(bar.get_renderable) if console.is_jupyter else bar
    live.start()
    trainer.epoch_hooks.append(follow)
    try:
        yield
    finally:
        trainer.epoch_hooks.remove(follow)
        live.stop()
