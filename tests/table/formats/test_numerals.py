"""Formats of numbers in text: found, read and written."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tabvae_ray.table.formats.numerals.finding import find_number_format
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.numerals.special_texts import SpecialTexts

TEXTS = {
    "{:.2f}": ["10.50", "0.00", "-3.25"],
    "{:.-2f}": ["10.5", "3", "0.25", "-4"],
    "{:.2e}": ["3.83e+03", "-2.20e-12", "0.00e+00"],
    "{:.0E}": ["1E+05", "4E-03"],
    "{:.0e0}": ["1e3", "4e-3", "9e12"],
    "{:.1e000}": ["1.5e003", "4.0e-003"],
    "{:+.0f}": ["+5", "-7", "+0"],
    "{:±.1f}": ["+5.5", "-7.0", "0.0"],
    "{:#.3f}": [".500", "12.250", "-.125"],
    "{:,.0f}": ["1,234", "17", "1,234,567"],
    "${:,.2f}": ["$1,234.50", "$0.99"],
    "-${:,.2f}": ["-$1,234.50", "$0.99"],
    "(${:,.2f})": ["($1,234.50)", "$0.99"],
    "{:.,2f} €": ["1.234,50 €", "-0,99 €"],
    "{: ,1f}": ["1 234,5", "17,0"],
    "{:'.2f}": ["1'234.50", "17.00"],
    "{:\u202f,2f}\u202f€": ["1\u202f234,50\u202f€", "17,00\u202f€"],
    "{:.1f}%": ["33.2%", "-0.1%"],
    "{:.0f} %": ["33 %", "5 %"],
    "USD {:.2f}": ["USD 12.00", "USD -3.50"],
    "{:..0f}": ["3833.", "-2."],
    "{:..-2f}": ["3833.", "0.25"],
    "${:,..0f}": ["$1,234.", "$17."],
    "{:,2f}": ["3,50", "1234,25"],
    "{:05.2f}": ["06.48", "19.30", "-00.05"],
    "{:,,.0f}": ["12,34,567", "1,234", "17", "-98,76,54,321"],
    "₹ {:,,.2f}": ["₹ 1,32,396.26", "₹ -999.50"],
    "{:\u2019.2f}": ["1\u2019234.50", "17.00"],
    "{:\u2212.1f}": ["\u22123.5", "12.0"],
    "{:.2f}-": ["12.00-", "3.50"],
    "{:.,2f} €-": ["1.234,50 €-", "3,50 €"],
    "$({:,.2f})": ["$(1,234.50)", "$0.99"],
    "({:,.2f})": ["(1,234.50)", "(0.99)"],
    "(€{:.0f})": ["(€12)", "(€4)"],
    "({:.,2f} €)": ["(1.234,50 €)", "(3,50 €)"],
    "Rs. {:,.0f}": ["Rs. 1,234", "Rs. 17"],
    "Rs.{:.0f}": ["Rs.1234", "Rs.17"],
    "RM {:.0f}": ["RM 12", "RM 1450"],
    "RM{:.2f}": ["RM12.50", "RM3.00"],
    "Rp{:.,0f}": ["Rp1.234.500", "Rp17"],
    "US${:.0f}": ["US$12", "US$1450"],
    "${:,.2f}[0=$ -]": ["$1,234.50", "$ -", "$0.99"],
    "$({:,.2f})[0=$-]": ["$(1,234.50)", "$-", "$0.99"],
    "{:.,2f} €[0=- €]": ["1.234,50 €", "- €"],
    "{:.1f}[<0.5]": ["<0.5", "0.5", "12.3"],
    "{:,1f}[< 0,5]": ["< 0,5", "0,7", "12,3"],
    "{:.2f}[<0.10][>10.00]": ["<0.10", "9.75", ">10.00"],
    "{:.0f}[≥90]": ["17", "89", "≥90"],
    "{:.1f} mg[<1.0 mg]": ["<1.0 mg", "2.5 mg"],
    "{:,.2f}[ CR| DR]": ["1,234.50 CR", "17.00 DR"],
    "{:.2f}[Cr|Dr]": ["12.50Cr", "17.00Dr"],
    "{:.2f}[ CR| DR][0=0.00]": ["1.50 CR", "17.00 DR", "0.00"],
    "{:.2f}[ CR| DR][0=0.00 DR]": ["1.50 CR", "17.00 DR", "0.00 DR"],
    "{:,.2f}[| DR]": ["1,234.50", *(f"{number}.25 DR" for number in range(10))],
    "${:.2f}[<$0.50]": ["<$0.50", "$0.50", "$3.10"],
    "{:.2f}[<=0.1][>=90]": ["<=0.1", "0.50", ">=90"],
}


@pytest.mark.parametrize("written", TEXTS)
def test_a_format_is_found_and_writes_what_it_reads(written: str) -> None:
    made = find_number_format(TEXTS[written])

    assert made is not None
    assert str(made) == written
    assert NumberFormat.parse(written) == made
    plain = made.plain(TEXTS[written])
    assert [made.text(float(text or "nan")) for text in plain] == TEXTS[written]


@pytest.mark.parametrize(
    "texts",
    [
        ["SKU 1001", "SKU 1002"],
        ["1e3", "1000"],
        ["+5", "5"],
        ["030 123 456", "171 123 456"],
        ["732 829 320", "552 100 554"],
        ["192.168.1.1", "10.0.0.1"],
        ["12.03.2024", "13.03.2024"],
        ["00501", "10001"],
        ["(5)", "(7)"],
        ["5-", "7-"],
        ["1-2", "3-4"],
        ["5 kg", "7 g"],
        ["$5", "7 €"],
        ["RM10030", "RM9071"],
        ["Rp-89969", "Rp-1704"],
        ["Rs1029", "Rs88"],
        ["EUR7", "EUR12"],
        ["<0.5", "0.3", "1.2"],
        ["<0.5", "<1", "1.2"],
        ["<0.5", "0.3", *(f"{number}.5" for number in range(1, 900))],
        ["<0", "0", "7"],
        ["$ -", "<1", "$1.20"],
        ["<-5.0", "0.3", "1.2"],
        [">0", "-3", "-7"],
        ["12C", "14D"],
        ["1.5 h", "30.0 s"],
        ["42.10 C", "58.80 D"],
        ["1.25 Cr", "3.00", *(f"{number}.00" for number in range(10, 90))],
        ["3 credit", "4"],
        ["7.00", *(f"{number}.00 dB" for number in range(10, 90))],
        ["1.50 CR", "2.50", "3.50 DR"],
        ["12 CR", "-14 DR"],
        [],
    ],
)
def test_codes_and_mixtures_have_no_format(texts: list[str]) -> None:
    assert find_number_format(texts) is None


def test_a_rounded_minus_zero_leaves_the_format() -> None:
    assert str(find_number_format(["-0.00", "1.25", "-3.50"])) == "{:.2f}"


def test_one_odd_number_in_a_thousand_leaves_the_format() -> None:
    texts = [f"{number / 100:.2f}" for number in range(1, 2000)]

    assert str(find_number_format([*texts, "7.125"])) == "{:.2f}"


def test_the_only_number_above_a_thousand_shows_the_separator() -> None:
    texts = [f"{number / 100:.2f}" for number in range(1, 2000)]

    assert str(find_number_format([*texts, "1,019.82"])) == "{:,.2f}"


def test_a_dash_beside_a_zero_in_digits_is_no_zero() -> None:
    many = [f"${number}.25" for number in range(1, 3_000)]

    assert str(find_number_format([*many, "$0.00", "$ -"])) == "${:.2f}"


def test_a_dash_with_another_currency_is_no_zero() -> None:
    assert str(find_number_format(["1.25", "7.50", "$ -"])) == "{:.2f}"
    assert str(find_number_format(["1.25 €", "7.50 €", "$ -"])) == "{:.2f} €"
    assert str(find_number_format(["$1.25e+03", "$7.50e+04", "$ -"])) == "${:.2e}"


def test_a_dash_is_read_without_regard_to_its_spaces() -> None:
    made = find_number_format(["$-", "$ -", "$1.20"])

    assert str(made) == "${:.2f}[0=$-]"
    assert made is not None and made.plain(["$ -", "$-", "$1.20"]) == ["0", "0", "1.20"]


@pytest.mark.parametrize(
    ("written", "text", "number"),
    [
        ("{:.1f}[<0.05]", "<0.05", "0.04"),
        ("{:.0f}[<0.5]", "<0.5", "0"),
        ("{:.2f}[<0.001]", "<0.001", "0.000"),
        ("{:.0f}[>99.5]", ">99.5", "100"),
        ("{:.0f}[≤0.5]", "≤0.5", "0"),
        ("{:.1f}[≥99.95]", "≥99.95", "99.95"),
        ("{:.1f}[>10.02]", ">10.02", "10.03"),
    ],
)
def test_a_finer_limit_crosses_no_zero_and_whole_numbers_stay_whole(
    written: str, text: str, number: str
) -> None:
    made = NumberFormat.parse(written)

    assert made is not None
    assert made.plain([text]) == [number]
    assert made.text(float(number)) == text


def test_all_numbers_beyond_a_limit_have_its_text() -> None:
    made = NumberFormat.parse("{:.1f}[<0.5][>10.0]")

    assert made is not None
    assert [made.text(number) for number in (-3, 0.44, 0.46, 10.04, 10.1, 99)] == [
        *("<0.5", "<0.5", "0.5", "10.0", ">10.0", ">10.0")
    ]
    assert made.plain(["<0.5", ">10.0", "<0.6"]) == ["0.4", "10.1", None]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "{}",
        "{:f}",
        "{:,f}",
        "{:.2f}5",
        "7{:.2f}",
        "({:.2f}",
        "{:,,2f}",
        "{:.99f}",
        "{:.1f}[>x]",
        "{:.1f}[CR|CR]",
    ],
)
def test_other_text_is_no_format(text: str) -> None:
    assert NumberFormat.parse(text) is None


@settings(max_examples=100, deadline=None)
@given(
    made=st.builds(
        NumberFormat,
        places=st.integers(0, 6),
        trims=st.booleans(),
        mark=st.sampled_from(".,"),
        thousands=st.sampled_from(["", ",", ".", " ", "'", ",,"]),
        before=st.sampled_from(["", "$", "EUR "]),
        after=st.sampled_from(["", "%", " €"]),
        sign=st.sampled_from(["", "+", "±", "\u2212"]),
        outer=st.sampled_from(["", "(", "inner", "last"]),
        bare=st.booleans(),
        keeps_mark=st.booleans(),
        special=st.sampled_from([SpecialTexts(), SpecialTexts(zero="$ -")]),
    ),
    numbers=st.lists(st.integers(-(10**9), 10**9), min_size=1),
)
def test_every_format_reads_what_it_writes(made: NumberFormat, numbers: list[int]) -> None:
    assume(made.thousands[:1] != made.mark and (made.before or made.outer != "inner"))
    assume(not (made.keeps_mark and made.mark == ","))
    assert NumberFormat.parse(str(made)) == made
    values = [number / 10**made.places for number in numbers]
    assert [float(text or "nan") for text in made.plain([made.text(v) for v in values])] == values


def test_large_integers_keep_their_digits_and_missing_values_stay_missing() -> None:
    numbers = pd.Series([2**62 + 1, None, 2**62 + 1], dtype="Int64")

    texts = NumberFormat(0, thousands=",").spelled(numbers)

    assert texts.tolist() == ["4,611,686,018,427,387,905", None, "4,611,686,018,427,387,905"]
    assert NumberFormat(1).spelled(pd.Series([0.25, np.nan])).tolist() == ["0.2", None]
