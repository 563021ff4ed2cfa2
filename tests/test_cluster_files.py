"""The image, the cluster launcher's file, the Kubernetes manifest and the examples."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
import ray
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ray.autoscaler._private.util import prepare_config, validate_config

from tabvae_ray.search.__main__ import command as search_command
from tabvae_ray.search.display import ray_metrics
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.space.search_space import SearchSpace
from tests.support.clocks import SECONDS

ROOT = Path(__file__).parent.parent
CLUSTER = ROOT / "cluster.yaml"
RAYJOB = ROOT / "examples" / "rayjob.yaml"
DOCKERFILE = ROOT / "Dockerfile"


@pytest.fixture
def cluster() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CLUSTER.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def rayjob() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(RAYJOB.read_text(encoding="utf-8"))
    return loaded


def variant(provider: str) -> dict[str, Any]:
    """Read the replacement for another provider from the comments at the end of the file."""
    text = CLUSTER.read_text(encoding="utf-8")
    block = re.search(
        rf"^# provider:\n#   type: {provider}\n(?:#.*\n)*?# end\n", text, re.MULTILINE
    )
    assert block is not None
    lines = [line.removeprefix("#").removeprefix(" ") for line in block.group().splitlines()[:-1]]
    loaded: dict[str, Any] = yaml.safe_load("\n".join(lines))
    return loaded


def test_ray_takes_the_cluster_file(cluster: dict[str, Any]) -> None:
    prepared = prepare_config(cluster)
    validate_config(prepared)
    assert prepared["head_node_type"] == "head"


def test_the_head_runs_no_trials_and_workers_come_and_go(cluster: dict[str, Any]) -> None:
    kinds = prepare_config(cluster)["available_node_types"]
    assert kinds["head"]["resources"]["CPU"] == 0
    assert kinds["head"]["max_workers"] == 0
    assert any("--num-cpus=0" in command for command in cluster["head_start_ray_commands"])
    for name in ("cpu_worker", "gpu_worker"):
        assert kinds[name]["min_workers"] == 0 < kinds[name]["max_workers"]
        assert kinds[name]["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert "GPU" not in kinds["cpu_worker"]["resources"]
    assert kinds["gpu_worker"]["resources"]["GPU"] == 1
    workers = sum(kinds[name]["max_workers"] for name in ("cpu_worker", "gpu_worker"))
    assert workers <= cluster["max_workers"]


def test_the_cluster_asks_for_a_token_that_its_nodes_have(cluster: dict[str, Any]) -> None:
    assert "--env RAY_AUTH_MODE=token" in cluster["docker"]["run_options"]
    assert cluster["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"


def image_names() -> set[str]:
    """Return the images that the cluster's file and the job's manifest use, without the tag."""
    files = CLUSTER.read_text(encoding="utf-8") + RAYJOB.read_text(encoding="utf-8")
    return set(re.findall(r"image: (\S+):", files))


def test_all_nodes_use_the_image_that_the_dockerfile_says_how_to_build() -> None:
    (image,) = image_names()
    assert f"docker build -t {image}:" in DOCKERFILE.read_text(encoding="utf-8")


def test_the_image_gets_what_it_is_built_from() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert all((ROOT / name).exists() for name in kept)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"pyproject.toml", "tabvae_ray", project["readme"], *project["license-files"]} <= kept
    # Symbolic links of the package lead to folders that are there, too.
    assert {"search_spaces", "assets", "constraints.txt"} <= kept


def test_the_lock_has_a_version_of_every_declared_package() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    pinned = {canonicalize_name(name): version for name, version in pairs}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"].values()
    for text in [*project["dependencies"], *(name for names in optional for name in names)]:
        declared = Requirement(text)
        assert pinned[canonicalize_name(declared.name)] in declared.specifier, text


class _Gauge:
    """A gauge of Ray that only keeps which labels it has."""

    labels: ClassVar[dict[str, set[str]]] = {}

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
        # Ray's own prefix of the names that Prometheus sees.
        self.labels[f"ray_{name}"] = set(tag_keys)

    def set_default_tags(self, tags: dict[str, str]) -> None:
        pass

    def set(self, value: float, tags: dict[str, str] | None = None) -> None:
        pass


def test_the_dashboard_shows_metrics_that_a_search_has(
    space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_metrics, "Gauge", _Gauge)
    ray_metrics.RayMetrics("heart", RunStatistics(space, slots=2))
    dashboard = json.loads(
        (ROOT / "examples" / "grafana-dashboard.json").read_text(encoding="utf-8")
    )
    source, search = dashboard["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    reference = {"type": "prometheus", "uid": "${" + source["name"] + "}"}
    shown = set()
    for panel in dashboard["panels"]:
        assert panel["datasource"] == reference and panel["type"] == "timeseries"
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for target in panel["targets"]:
            named = re.findall(r"(ray_tabvae_\w+)\{(\w+)=~\"\$(\w+)\"\}", target["expr"])
            assert len(named) == target["expr"].count("ray_tabvae_") > 0
            for metric, label, variable in named:
                assert label in _Gauge.labels[metric] and variable == search["name"]
                legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                # Without a label in the legend, lines could not be told apart.
                assert legend == _Gauge.labels[metric]
                shown.add(metric)
    assert shown == set(_Gauge.labels)
    metric, label = re.findall(r"\w+", search["query"]["query"].removeprefix("label_values"))
    assert label in _Gauge.labels[metric] and search["datasource"] == reference
    ids = [panel["id"] for panel in dashboard["panels"]]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(ids)) == len(ids) and len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("provider", ["gcp", "local"])
def test_ray_takes_what_the_comments_say_of_other_providers(
    cluster: dict[str, Any], provider: str
) -> None:
    changed = {**cluster, **variant(provider)}
    if provider == "local":
        del changed["available_node_types"], changed["head_node_type"]
    prepared = prepare_config(changed)
    validate_config(prepared)
    assert prepared["provider"]["type"] == provider
    if provider == "local":
        assert prepared["max_workers"] == 2


@pytest.mark.parametrize("path", [DOCKERFILE, RAYJOB], ids=lambda path: path.name)
def test_the_files_name_the_installed_version_of_ray(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?:rayproject/ray:|ray\[default\]==|rayVersion: \")(\d+\.\d+\.\d+)", text)
    assert set(named) == {ray.__version__}


STRING = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
STRINGS = {"type": "object", "additionalProperties": STRING}
QUANTITIES = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^[0-9.]+([KMGTPE]i?|m)?$"}]
    },
}


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def listed(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


# The structure of the fields that the manifest uses, and no others, as KubeRay 1.5.1 to 1.7 publish
# them in helm-chart/kuberay-operator/crds/ray.io_rayjobs.yaml of ray-project/kuberay (the whole of
# it is over a megabyte): an API server drops or refuses any other name.
CONTAINER = closed(
    {
        "name": STRING,
        "image": STRING,
        "resources": closed({"requests": QUANTITIES, "limits": QUANTITIES}),
        "ports": listed(closed({"containerPort": COUNT, "name": STRING}, "containerPort")),
    },
    "name",
)
TEMPLATE = closed(
    {
        "spec": closed(
            {
                "serviceAccountName": STRING,
                "tolerations": listed(
                    closed({"key": STRING, "operator": STRING, "effect": STRING})
                ),
                "containers": listed(CONTAINER),
            },
            "containers",
        )
    }
)
CLUSTER_SPEC = closed(
    {
        "rayVersion": STRING,
        "authOptions": closed({"mode": {"enum": ["disabled", "token"]}}),
        "enableInTreeAutoscaling": {"type": "boolean"},
        "autoscalerOptions": closed(
            {
                "idleTimeoutSeconds": COUNT,
                "upscalingMode": {"enum": ["Default", "Aggressive", "Conservative"]},
            }
        ),
        "headGroupSpec": closed({"rayStartParams": STRINGS, "template": TEMPLATE}, "template"),
        "workerGroupSpecs": listed(
            closed(
                {
                    "groupName": STRING,
                    "replicas": COUNT,
                    "minReplicas": COUNT,
                    "maxReplicas": COUNT,
                    "rayStartParams": STRINGS,
                    "template": TEMPLATE,
                },
                "groupName",
                "minReplicas",
                "maxReplicas",
                "template",
            )
        ),
    },
    "headGroupSpec",
)
RAYJOB_SCHEMA = closed(
    {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayJob"},
        "metadata": closed({"name": {"type": "string", "pattern": "^[a-z0-9-]{1,47}$"}}, "name"),
        "spec": closed(
            {
                "entrypoint": STRING,
                "backoffLimit": COUNT,
                "activeDeadlineSeconds": {"type": "integer", "minimum": 1},
                "shutdownAfterJobFinishes": {"type": "boolean"},
                "ttlSecondsAfterFinished": COUNT,
                "submissionMode": {"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode"]},
                "rayClusterSpec": CLUSTER_SPEC,
            }
        ),
    },
    "apiVersion",
    "kind",
    "metadata",
    "spec",
)


def test_the_job_manifest_has_the_published_structure(rayjob: dict[str, Any]) -> None:
    jsonschema.validate(rayjob, RAYJOB_SCHEMA)


def test_the_structure_refuses_a_misspelt_field(rayjob: dict[str, Any]) -> None:
    rayjob["spec"]["rayClusterSpec"]["workerGroupSpec"] = []
    with pytest.raises(jsonschema.ValidationError, match="workerGroupSpec"):
        jsonschema.validate(rayjob, RAYJOB_SCHEMA)


def test_the_job_asks_for_a_token_and_runs_no_trials_on_its_head(rayjob: dict[str, Any]) -> None:
    spec = rayjob["spec"]["rayClusterSpec"]
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]:
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]


def as_the_job_api(entrypoint: str) -> str:
    """Return a job's entrypoint as Ray's job API runs it, by a shell."""
    return entrypoint


def as_the_submitter(entrypoint: str) -> str:
    """Return it as KubeRay passes it on: split by a shell, joined by ``ray job submit``.

    The command fails if the shell takes a part of the entrypoint for a command of its own.
    """
    show = f"{sys.executable} -c 'import sys; print(*sys.argv[1:], sep=chr(0), end=str())'"
    done = subprocess.run(
        ["bash", "-ce", f"set -u; {show} {entrypoint} ;"],
        capture_output=True,
        text=True,
        check=True,
    )
    return subprocess.list2cmdline(done.stdout.split("\0"))


@pytest.mark.parametrize("handed_on", [as_the_job_api, as_the_submitter])
def test_the_job_begins_a_search_once_and_goes_on_with_it_when_retried(
    rayjob: dict[str, Any], tmp_path: Path, handed_on: Callable[[str], str]
) -> None:
    # In place of the search: it fails and is retried once.
    shim = tmp_path / "python"
    shim.write_text(
        '#!/bin/sh\necho "$@" >> "$HERE/log"\n'
        'test -e "$HERE/begun" && exit 0\ntouch "$HERE/begun"\nexit 1\n'
    )
    shim.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HERE": str(tmp_path)}
    command = handed_on(rayjob["spec"]["entrypoint"])
    codes = [
        subprocess.run(command, shell=True, env=environment, check=False).returncode
        for _ in range(2)
    ]
    assert codes == [1, 0]
    begun, resumed = (tmp_path / "log").read_text().splitlines()
    assert resumed == begun
    module, *arguments = shlex.split(begun.removeprefix("-m "))
    assert module == "tabvae_ray.search"
    options = search_command.make_context("search", arguments).params
    assert (ROOT / options["space"]).exists()
    assert options["address"] == "auto"
    assert options["resume_or_start"] and options["name"]


@pytest.mark.nightly
@pytest.mark.slow
def test_the_scheduler_works_with_any_trainable() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "any_trainable.py"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    steps, full = re.search(r"(\d+) steps instead of (\d+)", done.stdout).groups()  # type: ignore[union-attr]
    assert int(steps) < int(full) / 2
    assert "penalty" in done.stdout
