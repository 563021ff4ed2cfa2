"""Steps of training that a GPU replays as a whole, in place of operation by operation.

A step has hundreds of small operations. A GPU ends each of them sooner than Python can launch the
next, so it waits for most of the time. A CUDA graph is captured once and then launched at once.

Shapes: ``B`` batch, ``C`` columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.optim import Optimizer

__all__ = ["StepGraphs"]

# Steps of a batch size that are not captured yet: in them, libraries allocate what they keep, and
# the optimiser its state.
_FIRST_STEPS = 3

# Takes codes ``(B, C)`` and the weight of the KL term; returns the terms of the loss.
Step = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class _Graph:
    graph: torch.cuda.CUDAGraph
    codes: Tensor
    losses: Tensor


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """Return the stream that captures graphs: libraries keep memory for every stream for ever."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class StepGraphs:
    """The steps of a training as CUDA graphs, one per batch size.

    Args:
        step: A whole step, backward pass and optimiser included. It may not wait for the GPU.
        optimizer: Its optimiser, one of torch's with the argument ``capturable``.
        generator: The source of all draws of a step, on the GPU.
    """

    def __init__(self, step: Step, optimizer: Optimizer, generator: torch.Generator) -> None:
        self._step, self._optimizer, self._generator = step, optimizer, generator
        self._device = generator.device
        # A graph reads what changes from step to step in the same place each time.
        self._rate = torch.zeros((), device=self._device)
        self._weight = torch.zeros((), device=self._device)
        self._stream = _stream(self._device)
        self._graphs: dict[int, _Graph] = {}
        self._n_steps: dict[int, int] = {}

    def __call__(self, codes: Tensor, weight: float) -> Tensor:
        """Take a step; return the terms of its loss.

        Args:
            codes: ``(B, C)`` the rows.
            weight: Weight of the KL term.
        """
        self._weight.fill_(weight)
        n_rows = len(codes)
        if n_rows not in self._graphs:
            done = self._n_steps[n_rows] = self._n_steps.get(n_rows, 0) + 1
            if done <= _FIRST_STEPS:
                return self._first_step(codes)
            self._graphs[n_rows] = self._captured(codes)
        known = self._graphs[n_rows]
        known.codes.copy_(codes)
        self._rate.fill_(self._optimizer.param_groups[0]["lr"])
        known.graph.replay()
        return known.losses.clone()

    def _first_step(self, codes: Tensor) -> Tensor:
        """Take a step without a graph, on the stream that later captures one."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            losses = self._step(codes, self._weight)
        current.wait_stream(self._stream)
        return losses

    def _captured(self, codes: Tensor) -> _Graph:
        """Capture a step, which does not take it."""
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        codes = codes.clone()
        groups = self._optimizer.param_groups
        rate = groups[0]["lr"]
        # Only while it is captured: a state with a tensor of the GPU would not load elsewhere.
        for group in groups:
            group.update(lr=self._rate, capturable=True)
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                losses = self._step(codes, self._weight)
        finally:
            for group in groups:
                group.update(lr=rate, capturable=False)
        return _Graph(graph, codes, losses)
