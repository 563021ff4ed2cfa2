from pathlib import Path

import pytest

from tabvae_ray.search.directory import name_of_data, name_of_space
from tabvae_ray.storage import Location


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("/rows/heart.csv.gz", "heart"),
        ("/rows/2024/*.parquet", "2024"),
        ("/rows/year=*/part-?.parquet", "rows"),
        ("s3://bucket/adult/*.parquet", "adult"),
        ("s3://bucket/t.parquet?endpoint_override=localhost:9", "t"),
        ("s3://bucket/*.parquet?region=a", ""),
    ],
)
def test_a_search_has_the_name_of_its_table_or_of_the_folder_of_its_files(
    data: str, name: str
) -> None:
    assert name_of_data(Location(data)) == name


def test_a_table_in_a_directory_that_looks_like_a_pattern_gives_its_own_name(
    tmp_path: Path,
) -> None:
    home = tmp_path / "ward [3]"
    home.mkdir()
    (home / "stays.csv").touch()
    assert name_of_data(Location(home / "stays.csv")) == "stays"
    assert name_of_data(Location(home / "*.parquet")) == tmp_path.name


@pytest.mark.parametrize(
    ("space", "name"),
    [("small", "small"), ("my spaces/deep.yaml", "deep"), ("search space", "search")],
)
def test_a_search_has_the_name_of_the_file_of_its_space(space: str, name: str) -> None:
    assert name_of_space(space) == name
