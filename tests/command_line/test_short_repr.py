"""Objects of users are shown in a few lines: what is not a default."""

import tabvae_ray
from tabvae_ray import ComparisonPlan, TableSpec, TabularVAE, TabularVAEConfig
from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.config import ArchitectureConfig, TrainingConfig
from tabvae_ray.space.named_spaces import named_space
from tabvae_ray.space.space_file import load_space


def test_a_configuration_shows_what_is_not_a_default() -> None:
    assert repr(TabularVAEConfig()) == str(TabularVAEConfig()) == "TabularVAEConfig()"
    leaves = {
        "architecture.encoder_layer_sizes": [64, 32],
        "architecture.loss_beta": 0.06605400837614821,
        "architecture.decoder": "autoregressive",
        "architecture.prior": "gmm",
        "training.max_n_epochs": 3,
    }
    config = TabularVAEConfig().replace(leaves)
    lines = repr(config).splitlines()
    assert max(map(len, lines)) <= 100
    names = {"ArchitectureConfig": ArchitectureConfig, "TrainingConfig": TrainingConfig}
    assert eval(repr(config), names | {"TabularVAEConfig": TabularVAEConfig}) == config


def test_long_parts_are_cut() -> None:
    class Part(ShortRepr):
        names: tuple[str, ...] = ()
        by_name: dict[str, int] = {}  # noqa: RUF012 - of pydantic

    names = tuple(f"name {i}" for i in range(1_000))
    shown = repr(Part(names=names, by_name=dict.fromkeys(names, 1)))
    assert len(shown) < 600
    assert "'name 0'" in shown and "'name 10'" not in shown and "and 990 more)" in shown
    assert "and 990 more}" in shown and "'name 0': 1" in shown
    assert repr(Part(names=("a",))) == "Part(names=('a',))"


def test_values_are_never_broken_within() -> None:
    class Part(ShortRepr):
        names: tuple[str, ...] = ()

    part = Part(names=tuple(f"a  b, {i}  " * 4 for i in range(8)))
    assert eval(repr(part), {"Part": Part}) == part
    assert max(map(len, repr(part).splitlines())) <= 100
    assert len(repr(Part(names=("x" * 5_000, "b")))) < 400


def test_a_space_shows_its_parameters_and_its_budget() -> None:
    for name in ("smoke", "small", "full", "beta", "private"):
        space = load_space(named_space(name))
        lines = repr(space).splitlines()
        assert lines[0].startswith(f"SearchSpace of {name}.yaml: {len(space.parameters)} param")
        assert f"{space.settings.n_trials} trials of at most {space.budget} epochs" in lines[0]
        for parameter in space.parameters:
            assert any(line.startswith(f"  {parameter}: ") for line in lines), parameter
        assert len(lines) <= len(space.parameters) + 6


def test_public_objects_have_short_texts(
    trained: TabularVAE, mixed_spec: TableSpec, tmp_path: object
) -> None:
    model = trained.synthesizer()
    asha = tabvae_ray.MultiObjectiveASHA({"error": "minimize"}, max_t=9)
    for shown in (
        *(model, model.config, model.spec, model.encoder, model.decoder, model.prior),
        *(trained, trained.trainer, mixed_spec["age"], ComparisonPlan.complete(), asha),
        tabvae_ray.DirectoryTracker(str(tmp_path)),
    ):
        text = repr(shown)
        assert text == str(shown) and len(text) < 900 and " object at 0x" not in text, text
