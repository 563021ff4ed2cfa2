"""Spaces around cells: found, and written again."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabvae_ray.table.formats.padding import find_padding, is_padding, padded


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([" 1", " 23"], " {}"),
        ([" abc ", " d "], " {} "),
        (["  1", " 23", "123"], "{:>3}"),
        (["  1", " 23", "1234"], "{:>3}"),
        (["  1", " 234", "12345"], None),
        (["    2.82", "  -11.07", "        "], "{:>8}"),
        (["   7", "  10", "   -5"], None),
        (["1 ", "x  "], None),
        (["a  ", "bcd"], "{:<3}"),
        ([" ab  ", " abcd"], " {:<4}"),
        (["  1 ", " 23 ", "123 "], "{:>3} "),
        (["  7", " 10", " 1000"], " {:>2}"),
        (["1", "2"], None),
        ([" 1", "1"], None),
        (["", "  "], None),
    ],
)
def test_the_padding_of_all_texts_is_found(texts: list[str], expected: str | None) -> None:
    assert find_padding(texts) == expected


@given(
    values=st.lists(st.text("ab1 ", min_size=1).map(str.strip).filter(bool), min_size=1),
    template=st.sampled_from([" {}", "{}  ", "{:>9}", "{:<9}", " {:<9}", "{:>9} "]),
)
def test_what_is_padded_is_written_again(values: list[str], template: str) -> None:
    texts = padded(pd.Series(values), template).tolist()
    found = find_padding(texts)
    if found is not None:
        assert is_padding(found)
        assert padded(pd.Series(values), found).tolist() == texts


def test_missing_values_stay_missing() -> None:
    assert padded(pd.Series([1, None], dtype="Int64"), "{:>3}").isna().tolist() == [False, True]


@pytest.mark.parametrize("text", ["", "x{}", "{:>}", "{:>99999}", "{}{}", "{0.x}", "{:^5}"])
def test_other_text_is_no_padding(text: str) -> None:
    assert not is_padding(text)
