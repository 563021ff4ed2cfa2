"""Read rules of any number of columns or ranges, as they are printed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tabvae_ray.table.rules.forms.bins import Bins
from tabvae_ray.table.rules.forms.column_rule import OF_PRESENT
from tabvae_ray.table.rules.forms.comparison import Comparison
from tabvae_ray.table.rules.forms.dates import MOMENT_PARTS, DateBy
from tabvae_ray.table.rules.forms.exclusive import STATES, Exclusive
from tabvae_ray.table.rules.forms.fixed import Fixed
from tabvae_ray.table.rules.forms.formula import Linear
from tabvae_ray.table.rules.forms.parts import PARTS
from tabvae_ray.table.rules.forms.several import Extreme, Rated, Scaled
from tabvae_ray.table.rules.rule import Rule
from tabvae_ray.table.values.offsets import COUNT, OFFSET_UNITS, STEP_UNITS, offsets_of

__all__ = ["NUMBER", "long_rule", "one_of"]

NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_Rule = TypeVar("_Rule", bound=BaseModel)
_PARTS = "|".join(PARTS)


def long_rule(text: str, name: str, categories: Mapping[str, Sequence[Any]]) -> Rule | None:
    """Read a rule of any number of columns or ranges; None if the text is none.

    Args:
        text: The sentence.
        name: Pattern of the names of columns.
        categories: Values of the categorical columns, by name.
    """
    return (
        _labelled(text, name, categories)
        or _exclusive(text, name)
        or _extreme(text, name)
        or _rated(text, name)
        or _scaled(text, name, categories)
        or _date_by(text, name, categories)
        or _linear(text, name)
    )


def one_of(texts: Iterable[str]) -> str:
    """Return a pattern of any of some texts: of two that begin alike, the longer one is meant."""
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


def _items(text: str, item: str, separator: str = ", ") -> list[str]:
    """Return the items of a list, by the patterns of an item and of what separates two."""
    found: list[str] = re.findall(rf"(?:^|{separator})({item})(?={separator}|$)", text)
    return found


def _labelled(text: str, name: str, categories: Mapping[str, Sequence[Any]]) -> Rule | None:
    """Read ``group is young where age < 18, adult where < 65, else old`` and comparisons."""
    start = re.match(rf"(?P<column>{name}) is ", text)
    known = {str(value): value for value in categories.get(start["column"], ())} if start else {}
    if start is None or not known:
        return None
    label = one_of(known)
    rest, last = (
        text[start.end() :],
        rf", else (?P<last>{label})(?:, (?P<absent>{label}) where missing)?",
    )
    part = rf"(?:(?P<part>{_PARTS})(?: \(Monday = 0\))? of )?"
    ranges = re.fullmatch(
        rf"(?P<first>{label}) where {part}(?P<of>{name}) (?P<sign><=?) (?P<limit>-?{NUMBER})"
        rf"(?P<more>(?:, (?:{label}) where (?P=sign) -?{NUMBER})*){last}",
        rest,
    )
    if ranges is not None:
        more = re.findall(rf", ({label}) where <=? (-?{NUMBER})", ranges["more"])
        said = [ranges["first"], *(each for each, _ in more), ranges["last"]]
        return _valid(
            Bins,
            column=start["column"],
            of=ranges["of"],
            part=ranges["part"],
            limits=tuple(float(n) for n in (ranges["limit"], *(limit for _, limit in more))),
            right=ranges["sign"] == "<=",
            labels=tuple(known[each] for each in said),
            absent=known.get(ranges["absent"]),
        )
    compared = re.fullmatch(
        rf"(?P<first>{label}) where (?P<of>{name}) (?P<sign><=?|=) (?P<than>{name})"
        rf"(?:, (?P<equal>{label}) where (?P=of) = (?P=than))?{last}",
        rest,
    )
    if compared is None:
        return _fixed(rest, name, start["column"], known, categories)
    first, end, sign = known[compared["first"]], known[compared["last"]], compared["sign"]
    labels = {"<=": (first, first, end), "<": (first, end, end), "=": (end, first, end)}[sign]
    if compared["equal"]:
        labels = (first, known[compared["equal"]], end)
    return _valid(
        Comparison,
        column=start["column"],
        of=compared["of"],
        than=compared["than"],
        labels=labels,
        absent=known.get(compared["absent"]),
    )


def _fixed(
    rest: str,
    name: str,
    column: str,
    known: Mapping[str, Any],
    categories: Mapping[str, Sequence[Any]],
) -> Fixed | None:
    """Read what comes after ``pregnant is`` of ``pregnant is no where sex is m``."""
    label = one_of(known)
    found = re.fullmatch(
        rf"(?P<label>{label})(?P<exactly> exactly)? where (?P<other>{name}) "
        rf"(?:is (?P<values>.+)|(?P<sign><|>=) (?P<limit>-?{NUMBER}))",
        rest,
    )
    if found is None:
        return None
    limit, values = found["limit"], []
    if limit is None:
        others = {str(value): value for value in categories.get(found["other"], ())}
        each = one_of(others)
        if not others or re.fullmatch(rf"(?:{each})(?:, (?:{each}))*", found["values"]) is None:
            return None
        values = [others[text] for text in _items(found["values"], each)]
    return _valid(
        Fixed,
        column=column,
        label=known[found["label"]],
        other=found["other"],
        values=tuple(values),
        limit=None if limit is None else float(limit),
        above=found["sign"] == ">=",
        exactly=found["exactly"] is not None,
    )


def _extreme(text: str, name: str) -> Extreme | None:
    """Read ``best = largest of first, second, 0``."""
    one = f"(?:{name})"
    found = re.fullmatch(
        rf"(?P<column>{one}) = (?P<which>largest|smallest|first) of (?P<of>{one}(?:, {one})*)"
        rf"(?:, (?P<bound>-?{NUMBER}))?(?P<present>{OF_PRESENT})?",
        text,
    )
    if found is None:
        return None
    of = _items(found["of"], one)
    bound = None if found["bound"] is None else float(found["bound"])
    names = {"column": found["column"], "which": found["which"], "of": of}
    return _valid(Extreme, **names, bound=bound, of_present=found["present"] is not None)


def _rated(text: str, name: str) -> Rated | None:
    """Read ``paid = price * pieces * (1 - 0.01 * discount)`` and ``volume = a * b * c``."""
    one = f"(?:{name})"
    found = re.fullmatch(
        rf"(?P<column>{one}) = (?P<of>{one}(?: \* {one})*)"
        rf"(?: \* \(1 (?P<sign>[+-]) (?:(?P<share>{NUMBER}) \* )?(?P<rate>{one})\))?",
        text,
    )
    if found is None:
        return None
    factors = _items(found["of"], one, r" \* ")
    share = float(found["share"] or 1) * (-1 if found["sign"] == "-" else 1)
    return _valid(Rated, column=found["column"], factors=factors, rate=found["rate"], share=share)


def _valid(kind: type[_Rule], **values: Any) -> _Rule | None:
    """Return a rule, None if its own checks refuse the values."""
    try:
        return kind.model_validate(values)
    except ValidationError:
        return None


def _linear(text: str, name: str) -> Linear | None:
    """Read ``column = 2 * a - b + 3``."""
    found = re.fullmatch(rf"(?P<column>{name}) = (?P<sum>.+?)(?P<present>{OF_PRESENT})?", text)
    if found is None:
        return None
    amount = rf"(?:(?P<factor>{NUMBER}) \* )?(?P<name>{name})"
    part = rf"(?P<sign>[+-]? ?)(?:{amount}|(?P<number>{NUMBER}))"
    rest, terms, constant = found["sum"], {}, 0.0
    while rest:
        term = re.match(rf"{part}(?: (?=[+-] )|$)", rest)
        if term is None:
            return None
        sign = -1.0 if term["sign"].startswith("-") else 1.0
        if term["name"]:
            terms[term["name"]] = sign * _factor(term["factor"] or "1")
        else:
            constant += sign * float(term["number"])
        rest = rest[term.end() :]
    if not terms:
        return None
    present = found["present"] is not None
    return Linear(column=found["column"], terms=terms, constant=constant, of_present=present)


def _factor(text: str) -> float:
    """Return a factor; one of 12 digits is the fraction that is printed so, such as 1/3."""
    factor = float(text)
    fraction = float(Fraction(factor).limit_denominator(1_000))
    return fraction if f"{fraction:.12g}" == text else factor


def _exclusive(text: str, name: str) -> Exclusive | None:
    """Read ``exactly one of red, green, blue is above 0``."""
    one = f"(?:{name})"
    found = re.fullmatch(
        rf"(?P<many>exactly|at most) one of (?P<column>{one})(?P<others>(?:, {one})+) "
        rf"(?P<state>{'|'.join(STATES)})",
        text,
    )
    if found is None:
        return None
    others = _items(found["others"].removeprefix(", "), one)
    exactly = found["many"] == "exactly"
    return _valid(
        Exclusive, column=found["column"], others=others, state=found["state"], exactly=exactly
    )


def _scaled(text: str, name: str, categories: Mapping[str, Sequence[Any]]) -> Scaled | None:
    """Read ``euros = amount * (1 where currency is EUR, 0.92 where USD)``."""
    one = f"(?:{name})"
    found = re.fullmatch(
        rf"(?P<column>{one}) = (?P<of>{one}) \* \((?P<first>-?{NUMBER}) where (?P<by>{one}) is "
        r"(?P<said>.+)\)",
        text,
    )
    said = None if found is None else _said_by(found, categories)
    if found is None or said is None:
        return None
    return _valid(
        Scaled,
        column=found["column"],
        of=found["of"],
        by=found["by"],
        labels=tuple(said),
        factors=tuple(said.values()),
    )


def _date_by(text: str, name: str, categories: Mapping[str, Sequence[Any]]) -> DateBy | None:
    """Read ``due = date of issued + (14 where terms is short, 30 where long) days``."""
    one = f"(?:{name})"
    found = re.fullmatch(
        rf"(?P<column>{one}) = (?:(?P<part>{'|'.join(MOMENT_PARTS)}) of )?(?P<of>{one}) \+ "
        rf"\((?P<first>-?{COUNT}) where (?P<by>{one}) is (?P<said>.+)\) "
        rf"(?P<unit>{'|'.join(OFFSET_UNITS)})(?P<offsets>(?: [+-] {COUNT} (?:{STEP_UNITS}))*)",
        text,
    )
    said = None if found is None else _said_by(found, categories)
    if found is None or said is None or any(count % 1 for count in said.values()):
        return None
    return _valid(
        DateBy,
        column=found["column"],
        of=found["of"],
        part=found["part"] or "moment",
        by=found["by"],
        labels=tuple(said),
        counts=tuple(map(int, said.values())),
        unit=found["unit"],
        offsets=offsets_of(found["offsets"]),
    )


def _said_by(
    found: "re.Match[str]", categories: Mapping[str, Sequence[Any]]
) -> dict[Any, float] | None:
    """Read the rest of ``1 where currency is EUR, 0.92 where USD``: the number of each category."""
    known = {str(value): value for value in categories.get(found["by"], ())}
    if not known:
        return None
    label = one_of(known)
    said = re.fullmatch(
        rf"(?P<label>{label})(?P<more>(?:, -?{NUMBER} where (?:{label}))*)", found["said"]
    )
    if said is None:
        return None
    others = re.findall(rf", (-?{NUMBER}) where ({label})(?=, |$)", said["more"])
    each = [(found["first"], said["label"]), *others]
    return {known[label]: float(number) for number, label in each}
