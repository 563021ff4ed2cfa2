"""Read rules as they are printed, so that a user can write one as one reads it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from tabvae_ray.table.rules.forms.around import ClockSum, Wrapped
from tabvae_ray.table.rules.forms.column_rule import OF_PRESENT
from tabvae_ray.table.rules.forms.curves.smooth import Smooth
from tabvae_ray.table.rules.forms.date_text import DATE_TEXTS, DateText
from tabvae_ray.table.rules.forms.dates import MOMENT_PARTS, Age, DateAfter, DateOf
from tabvae_ray.table.rules.forms.exclusive import STATES
from tabvae_ray.table.rules.forms.formula import (
    SECONDS,
    DatePart,
    Duration,
    Product,
    Quotient,
    Ratio,
    Remainder,
    Unit,
)
from tabvae_ray.table.rules.forms.functions import FUNCTIONS, Function
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.forms.parts import PARTS
from tabvae_ray.table.rules.phrases import NUMBER, long_rule, one_of
from tabvae_ray.table.rules.rule import Dependence, MissingTogether, Order, Rule
from tabvae_ray.table.values.offsets import COUNT, OFFSET_UNITS, STEP_UNITS, offsets_of

__all__ = ["EXAMPLES", "parse_rule", "shortened"]

EXAMPLES = (
    "total = casual + registered; amount = price * quantity; month = month of day; "
    "admitted <= discharged; season is determined by month; end is missing exactly where start is"
)
_PARTS = "|".join(PARTS)
# Lists of names in sentences, and what stands between two of them.
_PRESENT = f"(?:{OF_PRESENT})?"
_LISTS = (
    (rf"(?:exactly|at most) one of (?P<names>.+) (?:{'|'.join(STATES)})", ", "),
    (rf".+? = (?:largest|smallest|first) of (?P<names>.+?){_PRESENT}", ", "),
    (rf".+? = (?P<names>.+?){_PRESENT}", " + "),
)
_MOST_NAMES = 8
# A date-time, or what is some months after it.
_LATER = rf"(?:(?P<of>NAME)|\((?P<base>NAME) (?P<months>[+-] {COUNT}) months?\))"
# Unless that is the name of a column, which is added.
_OFFSETS = rf"(?: [+-] (?!(?:NAME)(?: [+-] |$)){COUNT} (?:{STEP_UNITS}))"


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
    name = one_of(names)
    for pattern, make in _FORMS:
        found = re.fullmatch(pattern.replace("NAME", f"(?:{name})").replace("NUMBER", NUMBER), text)
        if found is not None:
            rule = make({key: value for key, value in found.groupdict().items() if value})
            return _with_categories(rule, found.groupdict().get("values"), categories or {})
    return long_rule(text, name, categories or {})


def shortened(sentence: str) -> str:
    """Return the sentence of a rule as people read it, without most names of many columns."""
    for pattern, between in _LISTS:
        found = re.fullmatch(pattern, sentence)
        names = found["names"].split(between) if found is not None else []
        if found is not None and len(names) > _MOST_NAMES:
            few = between.join([*names[:2], "...", names[-1]])
            start, end = found.span("names")
            return f"{sentence[:start]}{few} ({len(names)} columns){sentence[end:]}"
    return sentence


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


def _later(f: Found) -> dict[str, Any]:
    return {"of": f.get("of") or f["base"], "months": _offset(f.get("months"))}


def _date_of(f: Found, part: str) -> DateOf:
    return DateOf.model_validate(
        {"column": f["column"], "part": part, "offsets": offsets_of(f.get("offsets", ""))}
        | _later(f)
    )


_UNITS = "|".join(get_args(Unit))
_FORMS: tuple[tuple[str, Callable[[Found], Rule]], ...] = (
    (
        r"(?P<column>NAME) is determined by (?P<a>NAME)(?: and (?P<b>NAME))?",
        lambda f: Dependence(column=f["column"], on=(f["a"], *([f["b"]] if "b" in f else []))),
    ),
    (
        r"(?P<column>NAME) is a smooth function of (?P<a>NAME)(?: and (?P<b>NAME))?",
        lambda f: Smooth(column=f["column"], of=(f["a"], *([f["b"]] if "b" in f else []))),
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
        rf"(?P<column>NAME) = (?P<part>{'|'.join(MOMENT_PARTS)}) of {_LATER}"
        rf"(?P<offsets>{_OFFSETS}*)",
        lambda f: _date_of(f, f["part"]),
    ),
    (
        rf"(?P<column>NAME) = (?P<of>NAME)(?P<offsets>{_OFFSETS}+)",
        lambda f: _date_of(f, "moment"),
    ),
    (
        rf"(?P<column>NAME) = (?:(?P<part>{'|'.join(MOMENT_PARTS)}) of )?(?P<of>NAME) \+ "
        rf"(?!(?:NAME)(?: [+-] |$))(?P<number>NAME) (?P<unit>{'|'.join(OFFSET_UNITS)})"
        rf"(?P<offsets>{_OFFSETS}*)",
        lambda f: DateAfter.model_validate(
            {key: f[key] for key in ("column", "of", "number", "unit")}
            | {"part": f.get("part", "moment"), "offsets": offsets_of(f.get("offsets", ""))}
        ),
    ),
    (
        rf"(?P<column>NAME) = {_LATER} as (?P<format>{'|'.join(DATE_TEXTS)})",
        lambda f: DateText(column=f["column"], format=f["format"], **_later(f)),
    ),
    (
        rf"(?P<column>NAME) = (?P<part>{_PARTS})(?: \(Monday = 0\))? of {_LATER}"
        rf"(?: (?P<offset>[+-] {COUNT}))?",
        lambda f: DatePart.model_validate(
            {"column": f["column"], "part": f["part"], "offset": _offset(f.get("offset"))}
            | _later(f)
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
        rf"(?P<column>NAME) = (?P<function>{'|'.join(map(re.escape, FUNCTIONS))}) (?P<of>NAME)",
        lambda f: Function.model_validate({key: f[key] for key in ("column", "of", "function")}),
    ),
    (
        r"(?P<column>NAME) = whole (?P<unit>years|months) from (?P<of>NAME) "
        r"to (?P<day>\d{4}-\d\d-\d\d)",
        lambda f: Age.model_validate({key: f[key] for key in ("column", "of", "unit", "day")}),
    ),
    (
        r"(?P<column>NAME) = (?P<of>NAME) divided by (?P<divisor>NUMBER), rounded (?P<way>down|up)",
        lambda f: Quotient(
            column=f["column"], of=f["of"], divisor=float(f["divisor"]), up=f["way"] == "up"
        ),
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
        r"(?P<column>NAME) = (?:(?P<scale>NUMBER) \* )?(?P<a>NAME) / (?P<b>NAME)(?P<square>\^2)?",
        lambda f: Ratio(
            column=f["column"],
            numerator=f["a"],
            denominator=f["b"],
            scale=float(f.get("scale", 1)),
            power=2 if "square" in f else 1,
        ),
    ),
)
