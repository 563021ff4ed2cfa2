"""Read rules as they are printed, so that a user can write one as one reads it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from tabvae_ray.table.rules.forms.around import ClockSum, Wrapped
from tabvae_ray.table.rules.forms.bins import Bins
from tabvae_ray.table.rules.forms.date_text import DATE_TEXTS, DateText
from tabvae_ray.table.rules.forms.dates import MOMENT_PARTS, DateOf
from tabvae_ray.table.rules.forms.formula import (
    SECONDS,
    DatePart,
    Duration,
    Linear,
    Product,
    Quotient,
    Ratio,
    Remainder,
    Unit,
)
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.forms.parts import PARTS
from tabvae_ray.table.rules.forms.several import Extreme, Rated
from tabvae_ray.table.rules.rule import Dependence, MissingTogether, Order, Rule

__all__ = ["EXAMPLES", "parse_rule"]

EXAMPLES = (
    "total = casual + registered; amount = price * quantity; month = month of day; "
    "admitted <= discharged; season is determined by month; end is missing exactly where start is"
)
_Rule = TypeVar("_Rule", Bins, Extreme, Rated)
_PARTS = "|".join(PARTS)
_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"


def parse_rule(
    text: str, names: Sequence[str], categories: Mapping[str, Sequence[Any]] | None = None
) -> Rule | None:
    """Read a sentence as :meth:`Rule.__str__` writes it; None if it is none of them.

    Args:
        text: The sentence.
        names: Names of the table's columns, which may hold spaces and operators.
        categories: Values of the categorical columns, by name.
    """
    text = " ".join(text.split())
    # The longest name first: of two that begin alike, it is the one that is meant.
    name = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))
    for pattern, make in _FORMS:
        found = re.fullmatch(
            pattern.replace("NAME", f"(?:{name})").replace("NUMBER", _NUMBER), text
        )
        if found is not None:
            rule = make({key: value for key, value in found.groupdict().items() if value})
            return _with_categories(rule, found.groupdict().get("values"), categories or {})
    return (
        _bins(text, name, categories or {})
        or _extreme(text, name)
        or _rated(text, name)
        or _linear(text, name)
    )


def _bins(text: str, name: str, categories: Mapping[str, Sequence[Any]]) -> Bins | None:
    """Read ``group is young where age < 18, adult where < 65, else old``."""
    start = re.match(rf"(?P<column>{name}) is ", text)
    known = {str(value): value for value in categories.get(start["column"], ())} if start else {}
    if start is None or not known:
        return None
    label = "|".join(re.escape(each) for each in sorted(known, key=len, reverse=True))
    part = rf"(?:(?P<part>{_PARTS})(?: \(Monday = 0\))? of )?"
    found = re.fullmatch(
        rf"(?P<first>{label}) where {part}(?P<of>{name}) < (?P<limit>-?{_NUMBER})"
        rf"(?P<more>(?:, (?:{label}) where < -?{_NUMBER})*), else (?P<last>{label})",
        text[start.end() :],
    )
    if found is None:
        return None
    more = re.findall(rf", ({label}) where < (-?{_NUMBER})", found["more"])
    labels = [found["first"], *(each for each, _ in more), found["last"]]
    return _valid(
        Bins,
        column=start["column"],
        of=found["of"],
        part=found["part"],
        limits=tuple(float(n) for n in (found["limit"], *(limit for _, limit in more))),
        labels=tuple(known[each] for each in labels),
    )


def _extreme(text: str, name: str) -> Extreme | None:
    """Read ``best = largest of first, second, 0``."""
    one = f"(?:{name})"
    found = re.fullmatch(
        rf"(?P<column>{one}) = (?P<which>largest|smallest) of (?P<of>{one}(?:, {one})*)"
        rf"(?:, (?P<bound>-?{_NUMBER}))?",
        text,
    )
    if found is None:
        return None
    of = re.findall(rf"(?:^|, )({one})(?=, |$)", found["of"])
    bound = None if found["bound"] is None else float(found["bound"])
    return _valid(Extreme, column=found["column"], which=found["which"], of=of, bound=bound)


def _rated(text: str, name: str) -> Rated | None:
    """Read ``paid = price * pieces * (1 - 0.01 * discount)`` and ``volume = a * b * c``."""
    one = f"(?:{name})"
    found = re.fullmatch(
        rf"(?P<column>{one}) = (?P<of>{one}(?: \* {one})*)"
        rf"(?: \* \(1 (?P<sign>[+-]) (?:(?P<share>{_NUMBER}) \* )?(?P<rate>{one})\))?",
        text,
    )
    if found is None:
        return None
    factors = re.findall(rf"(?:^| \* )({one})(?= \* |$)", found["of"])
    share = float(found["share"] or 1) * (-1 if found["sign"] == "-" else 1)
    return _valid(Rated, column=found["column"], factors=factors, rate=found["rate"], share=share)


def _valid(kind: type[_Rule], **values: Any) -> _Rule | None:
    """Return a rule, None if its own checks refuse the values."""
    try:
        return kind.model_validate(values)
    except ValidationError:
        return None


def _with_categories(
    rule: Rule, values: str | None, categories: Mapping[str, Sequence[Any]]
) -> Rule | None:
    """Return the rule with its values as the categories that are written so."""
    if values is None or not isinstance(rule, MissingTogether | OnlyWhere):
        return rule
    if values.endswith("..."):
        # Printed short: which ones they are is not known.
        return None
    known = {str(value): value for value in categories.get(rule.other, ())}
    if not known:
        return rule
    texts = [text.strip() for text in values.split(",")]
    if not all(text in known for text in texts):
        return None
    return rule.model_copy(update={"values": tuple(known[text] for text in texts)})


def _linear(text: str, name: str) -> Linear | None:
    """Read ``column = 2 * a - b + 3``."""
    found = re.fullmatch(rf"(?P<column>{name}) = (?P<sum>.+)", text)
    if found is None:
        return None
    amount = rf"(?:(?P<factor>{_NUMBER}) \* )?(?P<name>{name})"
    part = rf"(?P<sign>[+-]? ?)(?:{amount}|(?P<number>{_NUMBER}))"
    rest, terms, constant = found["sum"], {}, 0.0
    while rest:
        term = re.match(rf"{part}(?: (?=[+-] )|$)", rest)
        if term is None:
            return None
        sign = -1.0 if term["sign"].startswith("-") else 1.0
        if term["name"]:
            terms[term["name"]] = sign * float(term["factor"] or 1)
        else:
            constant += sign * float(term["number"])
        rest = rest[term.end() :]
    return Linear(column=found["column"], terms=terms, constant=constant) if terms else None


def _values(text: str | None) -> tuple[Any, ...]:
    def plain(value: str) -> bool | int | float | str:
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        return {"True": True, "False": False}.get(value, value)

    return () if text is None else tuple(plain(value.strip()) for value in text.split(","))


def _offset(text: str | None) -> int:
    return 0 if text is None else int(text.replace(" ", ""))


Found = dict[str, str]


def _wrapped(f: Found) -> Wrapped:
    terms = {
        f["a"]: -1.0 if f.get("first") else 1.0,
        f["b"]: -1.0 if f["second"] == "-" else 1.0,
    }
    return Wrapped(
        column=f["column"], terms=terms, period=float(f["period"]), low=float(f.get("low", 0))
    )


_UNITS = "|".join(get_args(Unit))
_FORMS: tuple[tuple[str, Callable[[Found], Rule]], ...] = (
    (
        r"(?P<column>NAME) is determined by (?P<a>NAME)(?: and (?P<b>NAME))?",
        lambda f: Dependence(column=f["column"], on=(f["a"], *([f["b"]] if "b" in f else []))),
    ),
    (
        r"(?P<column>NAME) is missing exactly where (?P<other>NAME) is(?: (?P<values>.+))?",
        lambda f: MissingTogether(
            column=f["column"], other=f["other"], values=_values(f.get("values"))
        ),
    ),
    (
        r"(?P<column>NAME) > 0 only where (?P<other>NAME) > 0",
        lambda f: OnlyWhere(column=f["column"], other=f["other"]),
    ),
    (
        r"(?P<column>NAME) >= 0 only where (?P<other>NAME) >= 0",
        lambda f: OnlyWhere(column=f["column"], other=f["other"], zero=True),
    ),
    (
        r"(?P<column>NAME) (?P<sign>>=?) 0 only where (?P<other>NAME) is (?P<values>.+)",
        lambda f: OnlyWhere(
            column=f["column"],
            other=f["other"],
            values=_values(f.get("values")),
            zero=f["sign"] == ">=",
        ),
    ),
    (
        r"(?P<column>NAME) (?P<sign><=?) (?P<upper>NAME)",
        lambda f: Order(column=f["column"], upper=f["upper"], strict=f["sign"] == "<"),
    ),
    (
        rf"(?P<column>NAME) = (?P<part>{'|'.join(MOMENT_PARTS)}) of (?P<of>NAME)",
        lambda f: DateOf.model_validate({key: f[key] for key in ("column", "part", "of")}),
    ),
    (
        rf"(?P<column>NAME) = (?P<of>NAME) as (?P<format>{'|'.join(DATE_TEXTS)})",
        lambda f: DateText(column=f["column"], of=f["of"], format=f["format"]),
    ),
    (
        rf"(?P<column>NAME) = (?P<part>{_PARTS})(?: \(Monday = 0\))? of (?P<of>NAME)"
        r"(?: (?P<offset>[+-] \d+))?",
        lambda f: DatePart.model_validate(
            {"column": f["column"], "of": f["of"], "part": f["part"]}
            | {"offset": _offset(f.get("offset"))}
        ),
    ),
    (
        rf"(?P<column>NAME) = (?P<whole>whole )?(?P<unit>{_UNITS}) from (?P<a>NAME) to (?P<b>NAME)",
        lambda f: Duration.model_validate(
            {"column": f["column"], "start": f["a"], "end": f["b"], "unit": f["unit"]}
            | {"whole": "whole" in f and f["unit"] in SECONDS}
        ),
    ),
    (
        r"(?P<column>NAME) = (?P<of>NAME) divided by (?P<divisor>NUMBER), rounded down",
        lambda f: Quotient(column=f["column"], of=f["of"], divisor=float(f["divisor"])),
    ),
    (
        r"(?P<column>NAME) = remainder of (?P<of>NAME) divided by (?P<divisor>NUMBER)",
        lambda f: Remainder(column=f["column"], of=f["of"], divisor=float(f["divisor"])),
    ),
    (
        r"(?P<column>NAME) = (?P<start>NAME) \+ (?P<minutes>NAME) minutes, as hhmm"
        r"(?P<late> \(midnight = 2400\))?",
        lambda f: ClockSum(
            column=f["column"],
            start=f["start"],
            minutes=f["minutes"],
            midnight=2400 if "late" in f else 0,
        ),
    ),
    (
        r"(?P<column>NAME) = (?P<first>-)?(?P<a>NAME) (?P<second>[+-]) (?P<b>NAME), "
        r"modulo (?P<period>NUMBER)(?: from (?P<low>-?NUMBER))?",
        _wrapped,
    ),
    (
        r"(?P<column>NAME) = (?:(?P<scale>NUMBER) \* )?(?P<a>NAME) \* (?P<b>NAME)",
        lambda f: Product(
            column=f["column"], factors=(f["a"], f["b"]), scale=float(f.get("scale", 1))
        ),
    ),
    (
        r"(?P<column>NAME) = (?:(?P<scale>NUMBER) \* )?(?P<a>NAME) / (?P<b>NAME)",
        lambda f: Ratio(
            column=f["column"], numerator=f["a"], denominator=f["b"], scale=float(f.get("scale", 1))
        ),
    ),
)
