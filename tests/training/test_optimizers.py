import sys

import pytest
import torch

from tabvae_ray.config import TrainingConfig
from tabvae_ray.training.optimizers import make_optimizer
from tests.training.test_trainer import make_trainer

KINDS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@pytest.mark.parametrize("name", KINDS)
def test_steps_are_those_of_torch_bit_for_bit(name: str) -> None:
    def trained(make) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        weights = [torch.ones(3, 2, requires_grad=True), torch.ones(2, requires_grad=True)]
        model = torch.nn.ParameterList(weights)
        optimizer = make(model)
        for step in range(4):
            if step == 2:
                # As in a training that resumes.
                state = optimizer.state_dict()
                optimizer = make(model)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            rows = torch.randn(5, 3, generator=generator)
            (rows @ model[0] + model[1]).square().mean().backward()
            optimizer.step()
        return [weight.detach() for weight in model]

    config = TrainingConfig(optimizer=name, learning_rate=0.1, weight_decay=0.2)
    ours = trained(lambda model: make_optimizer(model, config))
    theirs = trained(
        lambda model: KINDS[name](model.parameters(), lr=0.1, weight_decay=0.2, fused=True)
    )
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_training_does_not_import_the_compiler_of_torch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(max_n_epochs=1, rows=64, optimizer=name)
    # An import of it fails from here on, and takes seconds elsewhere.
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)
    trainer.optimizer = make_optimizer(trainer.model, trainer.config)
    trainer.train()
    trainer.load_state_dict(trainer.state_dict())
    assert trainer.epoch == 1
