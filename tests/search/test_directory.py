import pytest

from tabvae_ray.search.directory import name_of_data
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
