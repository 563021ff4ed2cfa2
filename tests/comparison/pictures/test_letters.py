from hypothesis import given
from hypothesis import strategies as st

from tabvae_ray.comparison.pictures.letters import short

SENSORS = [f"measurement_of_sensor_number_{i:02d}_in_degrees_over_the_last_hour" for i in range(12)]
QUESTIONS = [f"a very long question of a survey, part {i}" for i in range(12)]


def test_names_that_begin_in_the_same_way_stay_apart() -> None:
    for most in (12, 14, 19, 30):
        for names in (SENSORS, QUESTIONS, SENSORS + QUESTIONS):
            texts = [short(name, most, names) for name in names]
            assert len(set(texts)) == len(names)
            assert max(map(len, texts)) <= most
    assert short(SENSORS[7], 30, SENSORS).startswith("measuremen\N{HORIZONTAL ELLIPSIS}07_in_deg")
    assert short(QUESTIONS[11], 19, QUESTIONS).endswith("part 11")


def test_other_names_are_cut_at_their_end() -> None:
    assert short("a long name", 6, ["another name"]) == "a lon\N{HORIZONTAL ELLIPSIS}"
    assert short("two\nlines", 20, ["two"]) == "two lines"


@given(st.text(), st.lists(st.text()), st.integers(1, 20))
def test_no_text_is_longer_than_asked_for(text: str, others: list[str], most: int) -> None:
    assert len(short(text, most, [text * 3, *others])) <= most
