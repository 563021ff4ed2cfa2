"""Shapes of dates, with the formats that they suggest, and the spelling of a format.

Two formats that differ in the spelling only, such as ``%d`` and ``%-d``, read the same texts.
"""

import re
from collections.abc import Sequence

import pandas as pd

from tabvae_ray.table.formats.month_names import in_small_letters

__all__ = ["DATES", "ISO", "PERIODS", "SHORT_YEARS", "Shapes", "as_spelled", "time_format"]

Shapes = tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]

_DAY_NAME = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_ORDINAL = r"\d{1,2}(?:st|nd|rd|th)"
_TIME_FIRST = ("%H:%M:%S %d/%m/%Y", "%H:%M:%S %m/%d/%Y")
_SHORT_TIME_FIRST = ("%H:%M %d/%m/%Y", "%H:%M %m/%d/%Y")
# Where two formats fit, the first is taken.
DATES: Shapes = (
    (re.compile(r"\d{8}T\d{6}(?![\dZ])"), ("%Y%m%dT%H%M%S",)),
    (re.compile(r"\d{8}T\d{6}Z"), ("%Y%m%dT%H%M%SZ",)),
    (re.compile(r"\d{4}-\d\d-\d\d(?= [\d:.]+ [A-Z]{3,4}$)"), ("%Y-%m-%d",)),
    (re.compile(r"\d{4}-\d\d-\d\d(?=.*[AaPp][Mm]$|-\d\d\.)"), ("%Y-%m-%d",)),
    (re.compile(r"\d{4}-\d\d-\d\d(?=[ T](?:\d:|\d+\.|.*,))"), ("%Y-%m-%d",)),
    (re.compile(r"(?!\d{4}-\d\d-\d\d)\d{4}-\d{1,2}-\d{1,2}(?!\d)"), ("%Y-%m-%d",)),
    (re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4}(?!\d)"), ("%a, %d %b %Y",)),
    (
        re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]?\d [\d:]{7,8} \d{4}$"),
        ("%a %b %d %H:%M:%S %Y",),
    ),
    (re.compile(rf"{_DAY_NAME}, \d{{1,2}} [A-Za-z]{{4,9}} \d{{4}}(?!\d)"), ("%A, %d %B %Y",)),
    (re.compile(rf"{_DAY_NAME} \d{{1,2}} [A-Za-z]{{4,9}} \d{{4}}(?!\d)"), ("%A %d %B %Y",)),
    (re.compile(rf"{_DAY_NAME}, [A-Za-z]{{4,9}} \d{{1,2}}, \d{{4}}(?!\d)"), ("%A, %B %d, %Y",)),
    (re.compile(r"[A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2} \d{4}(?!\d)"), ("%a %d %b %Y",)),
    (re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d{4}(?!\d)"), ("%a %b %d %Y",)),
    (re.compile(r"[A-Z][a-z]{2}, [A-Z][a-z]{2} \d{1,2}, \d{4}(?!\d)"), ("%a, %b %d, %Y",)),
    (re.compile(r"\d{1,2}[A-Za-z]{3}\d{4}(?!\d)"), ("%d%b%Y",)),
    (re.compile(r"\d{4}-[A-Za-z]{3}-\d{1,2}(?!\d)"), ("%Y-%b-%d",)),
    (re.compile(r"[A-Za-z]{3} \d{1,2} \d{4}(?!\d)"), ("%b %d %Y",)),
    (re.compile(r"\d{1,2}/[A-Za-z]{3}/\d{4}(?!\d)"), ("%d/%b/%Y",)),
    (re.compile(r"\d{4}_\d{1,2}_\d{1,2}(?!\d)"), ("%Y_%m_%d",)),
    (re.compile(r"\d{1,2} \d{1,2} \d{4}(?!\d)"), ("%d %m %Y", "%m %d %Y")),
    (re.compile(r"\d{14}(?!\d)"), ("%Y%m%d%H%M%S",)),
    (re.compile(r"\d{12}(?!\d)"), ("%Y%m%d%H%M",)),
    (re.compile(r"\d{8}-\d{6}$"), ("%Y%m%d-%H%M%S",)),
    (re.compile(r"\d{8}_\d{6}$"), ("%Y%m%d_%H%M%S",)),
    (re.compile(r"\d{8}(?!\d)"), ("%Y%m%d", "%d%m%Y", "%m%d%Y")),
    (re.compile(r"\d{4}年\d{1,2}月\d{1,2}日"), ("%Y年%m月%d日",)),
    (re.compile(r"[A-Z][a-z]{2} \d{1,2}/\d{1,2}/\d{4}(?!\d)"), ("%a %d/%m/%Y", "%a %m/%d/%Y")),
    (re.compile(r"\d{1,2}:\d\d:\d\d \d{1,2}/\d{1,2}/\d{4}$"), _TIME_FIRST),
    (re.compile(r"\d{1,2}:\d\d \d{1,2}/\d{1,2}/\d{4}$"), _SHORT_TIME_FIRST),
    (re.compile(r"\d{1,2}:\d\d:\d\d \d{1,2}\.\d{1,2}\.\d{4}$"), ("%H:%M:%S %d.%m.%Y",)),
    (re.compile(r"\d{1,2}:\d\d \d{1,2}\.\d{1,2}\.\d{4}$"), ("%H:%M %d.%m.%Y",)),
    (re.compile(rf"[A-Za-z]{{4,9}} {_ORDINAL}, \d{{4}}(?!\d)"), ("%B %d%o, %Y",)),
    (re.compile(rf"[A-Za-z]{{3}} {_ORDINAL}, \d{{4}}(?!\d)"), ("%b %d%o, %Y",)),
    (re.compile(rf"[A-Za-z]{{4,9}} {_ORDINAL} \d{{4}}(?!\d)"), ("%B %d%o %Y",)),
    (re.compile(rf"[A-Za-z]{{3}} {_ORDINAL} \d{{4}}(?!\d)"), ("%b %d%o %Y",)),
    (re.compile(rf"{_ORDINAL} [A-Za-z]{{4,9}} \d{{4}}(?!\d)"), ("%d%o %B %Y",)),
    (re.compile(rf"{_ORDINAL} [A-Za-z]{{3}} \d{{4}}(?!\d)"), ("%d%o %b %Y",)),
    (re.compile(r"\d{8}\.0(?!\d)"), ("%Y%m%d.0",)),
    (re.compile(r"\d{12}\.0(?!\d)"), ("%Y%m%d%H%M.0",)),
    (re.compile(r"\d{14}\.0(?!\d)"), ("%Y%m%d%H%M%S.0",)),
    (re.compile(r"\d{4}/\d{1,2}/\d{1,2}(?!\d)"), ("%Y/%m/%d",)),
    (re.compile(r"\d{4}\.\d{1,2}\.\d{1,2}(?!\d)"), ("%Y.%m.%d",)),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}(?!\d)"), ("%d.%m.%Y",)),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{4}(?!\d)"), ("%d/%m/%Y", "%m/%d/%Y")),
    (re.compile(r"\d{1,2}-\d{1,2}-\d{4}(?!\d)"), ("%d-%m-%Y", "%m-%d-%Y")),
    (re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{4}(?!\d)"), ("%d-%b-%Y",)),
    (re.compile(r"\d{1,2} [A-Za-z]{3} \d{4}(?!\d)"), ("%d %b %Y",)),
    (re.compile(r"\d{1,2} [A-Za-z]{4,9} \d{4}(?!\d)"), ("%d %B %Y",)),
    (re.compile(r"\d{1,2}\. [A-Za-z]{3} \d{4}(?!\d)"), ("%d. %b %Y",)),
    (re.compile(r"\d{1,2}\.[A-Za-z]{3}\.\d{4}(?!\d)"), ("%d.%b.%Y",)),
    (re.compile(r"\d{1,2} de [A-Za-z]{3} de \d{4}(?!\d)"), ("%d de %b de %Y",)),
    (re.compile(r"\d{1,2} de [A-Za-z]{3} del \d{4}(?!\d)"), ("%d de %b del %Y",)),
    (re.compile(r"\d{1,2} de [A-Za-z]{3} \d{4}(?!\d)"), ("%d de %b %Y",)),
    (re.compile(r"[A-Za-z]{3} \d{1,2}, \d{4}(?!\d)"), ("%b %d, %Y",)),
    (re.compile(r"[A-Za-z]{4,9} \d{1,2}, \d{4}(?!\d)"), ("%B %d, %Y",)),
)
SHORT_YEARS: Shapes = (
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{2}(?!\d)"), ("%d.%m.%y",)),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{2}(?!\d)"), ("%d/%m/%y", "%m/%d/%y")),
    (re.compile(r"\d{1,2}-\d{1,2}-\d{2}(?!\d)"), ("%d-%m-%y", "%m-%d-%y", "%y-%m-%d")),
    (re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{2}(?!\d)"), ("%d-%b-%y",)),
    (re.compile(r"\d{1,2} [A-Za-z]{3} \d{2}(?!\d)"), ("%d %b %y",)),
)
# Directives that are spelled in several ways, and all of which a date may have.
_SPELLED = re.compile("%([bBdmHI])")
_DIRECTIVE = re.compile("%([aAbBdmoyYHIMS])")
# Months, quarters and weeks, which stand for their first day.
PERIODS: Shapes = (
    (re.compile(r"\d{4}-\d{1,2}$"), ("%Y-%m",)),
    (re.compile(r"\d{4}/\d{1,2}$"), ("%Y/%m",)),
    (re.compile(r"\d{6}$"), ("%Y%m",)),
    (re.compile(r"\d{1,2}/\d{4}$"), ("%m/%Y",)),
    (re.compile(r"\d{1,2}-\d{4}$"), ("%m-%Y",)),
    (re.compile(r"\d{1,2}\.\d{4}$"), ("%m.%Y",)),
    (re.compile(r"[A-Za-z]{3} \d{4}$"), ("%b %Y",)),
    (re.compile(r"[A-Za-z]{3}-\d{4}$"), ("%b-%Y",)),
    (re.compile(r"[A-Za-z]{3}-\d{2}$"), ("%b-%y",)),
    (re.compile(r"[A-Za-z]{4,9} \d{4}$"), ("%B %Y",)),
    (re.compile(r"\d{4}-[A-Za-z]{3}$"), ("%Y-%b",)),
    (re.compile(r"\d{4}-Q\d$"), ("%Y-Q%q",)),
    (re.compile(r"\d{4} Q\d$"), ("%Y Q%q",)),
    (re.compile(r"\d{4}Q\d$"), ("%YQ%q",)),
    (re.compile(r"Q\d \d{4}$"), ("Q%q %Y",)),
    (re.compile(r"Q\d-\d{4}$"), ("Q%q-%Y",)),
    (re.compile(r"Q\d/\d{4}$"), ("Q%q/%Y",)),
    (re.compile(r"\d{4}-W\d{2}$"), ("%G-W%V",)),
    (re.compile(r"\d{4}W\d{2}$"), ("%GW%V",)),
)
ISO: Shapes = ((re.compile(r"\d{4}-\d{2}-\d{2}"), ("%Y-%m-%d",)),)
_TIME = re.compile(
    r"(?P<between>[T :-]|, )\d{1,2}(?P<colon>[:.])\d{2}(?P<second>(?P=colon)\d{2})?"
    r"(?P<fraction>[.,]\d{1,9})?(?P<half> ?[AaPp][Mm])?"
    r"(?P<zone>Z| ?[+-]\d{2}:\d{2}| ?[+-]\d{4}| ?[+-]\d{2}| [A-Z]{3,4}| Uhr| h)?"
)


def as_spelled(written: str, texts: Sequence[str]) -> str:
    """Return a format with the padding and the letters that some texts have.

    Args:
        written: A format with padded numbers, such as ``%d.%m.%Y``.
        texts: Texts in this format.
    """
    if written.startswith(("%Y%m", "%d%m%Y", "%m%d%Y")):
        return written
    # What follows the hour is always padded.
    upto = max((found.end() for found in _SPELLED.finditer(written)), default=0)
    pattern = re.compile(_DIRECTIVE.sub(_group, re.escape(written[:upto])))
    found = [cell.groupdict() for cell in map(pattern.match, texts) if cell is not None]
    for name in dict.fromkeys(_SPELLED.findall(written)):
        values = [cell[name] for cell in found]
        if name in ("b", "B"):
            if all(map(str.isupper, values)):
                written = written.replace(f"%{name}", f"%^{name}")
            elif all(map(str.islower, values)):
                written = written.replace(f"%{name}", in_small_letters(short=name == "b"))
        elif sum(len(value) == 1 for value in values) > sum(value[0] == "0" for value in values):
            written = written.replace(f"%{name}", f"%-{name}")
        elif name == "d" and any(value[0] == " " for value in values):
            written = written.replace("%d", "%e")
    return written


def _group(directive: re.Match[str]) -> str:
    """Return a pattern of what a directive reads."""
    name = directive[1]
    if name in "aAo":
        return "[A-Za-z]+"
    if name in "bB":
        return f"(?P<{name}>[A-Za-z]+)"
    return rf"(?P<{name}>[ \d]?\d)" if name in "dmHI" else r"\d{4}" if name == "Y" else r"\d\d"


def time_format(rest: str, sample: pd.Series) -> str | None:
    """Return the format of the text after a date, None if it is no time."""
    if not rest:
        return ""
    found = _TIME.fullmatch(rest)
    if found is None:
        return None
    colon, fraction = found["colon"], found["fraction"]
    written = f"{found['between']}%{'I' if found['half'] else 'H'}{colon}%M"
    written += f"{colon}%S" if found["second"] else ""
    if fraction:
        mark = fraction[0]
        digits = sample.str.extract(rf"{colon}\d{{2}}{re.escape(mark)}(\d+)")[0]
        longest = int(digits.str.len().max())
        written += f"{mark}%f" if longest == 6 else f"{mark}%{longest}f"
    if half := found["half"]:
        written += f"{' ' * half.startswith(' ')}%{'p' if half.isupper() else 'P'}"
    zone = found["zone"] or ""
    if zone in ("", "Z") or zone[1:].isalpha():
        return written + zone
    plain = zone.strip()
    directive = "%:z" if ":" in plain else "%:::z" if len(plain) == 3 else "%z"
    return written + " " * zone.startswith(" ") + directive
