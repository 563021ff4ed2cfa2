"""Search for the format in which a column writes its dates."""

import re
import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.formats.clock import clock_format
from tabvae_ray.table.formats.spelling import UNIX_UNITS, parsed, readable, spelled

__all__ = [
    "candidate_formats",
    "find_format",
    "format_hint",
    "iso_format",
    "look_like_days",
    "possible_formats",
]

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_DAY_NAME = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
# Where two formats fit, the first is taken.
_DATES = (
    (re.compile(r"\d{8}T\d{6}(?![\dZ])"), ("%Y%m%dT%H%M%S",)),
    (re.compile(r"\d{8}T\d{6}Z"), ("%Y%m%dT%H%M%SZ",)),
    (re.compile(r"\d{4}-\d{2}-\d{2}(?= [\d:.]+ (?:UTC|GMT)$)"), ("%Y-%m-%d",)),
    (re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4}(?!\d)"), ("%a, %d %b %Y",)),
    (re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d [\d:]{8} \d{4}$"), ("%a %b %d %H:%M:%S %Y",)),
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
    (re.compile(r"\d{8}(?!\d)"), ("%Y%m%d",)),
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
    (re.compile(r"[A-Za-z]{3} \d{1,2}, \d{4}(?!\d)"), ("%b %d, %Y",)),
    (re.compile(r"[A-Za-z]{4,9} \d{1,2}, \d{4}(?!\d)"), ("%B %d, %Y",)),
)
_SHORT_YEARS = (
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{2}(?!\d)"), ("%d.%m.%y",)),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{2}(?!\d)"), ("%d/%m/%y", "%m/%d/%y")),
    (re.compile(r"\d{1,2}-\d{1,2}-\d{2}(?!\d)"), ("%d-%m-%y", "%m-%d-%y", "%y-%m-%d")),
    (re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{2}(?!\d)"), ("%d-%b-%y",)),
)
_ISO = ((re.compile(r"\d{4}-\d{2}-\d{2}"), ("%Y-%m-%d",)),)
_TIME = re.compile(
    r"(?P<between>[T :]|, )(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2})?(?P<fraction>\.\d{1,9})?"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone>Z| ?[+-]\d{2}:\d{2}| ?[+-]\d{4}| ?[+-]\d{2}| UTC| GMT)?"
)
# So many distinct texts decide on the spelling; all of them must be dates.
_SPELLED = 10_000
_SHAPES = 3
# Fewer digits or two-digit years than this may be days by chance.
_FEWEST_DAYS = 10
_MOST_ODD = 0.01
# Moments that numbers since 1970 are taken for: 2000 to 2034, in seconds. They span a day or more.
_UNIX_SPAN = (946_684_800, 2_051_222_400)
_DAY_SECONDS = 86_400
# Formats of digits, and by how much they exceed days.
_DIGITS = (("%Y%m%d", 1), ("%Y%m%d%H%M", 10**4), ("%Y%m%d%H%M%S", 10**6))


def find_format(values: pd.Series, where: str) -> str | None:
    """Find the format in which all texts of a column are dates; warn if two fit.

    ISO 8601 is left to :func:`iso_format`.

    Args:
        values: A column of text.
        where: The column, in the warning.
    """
    possible = possible_formats(values)
    if len(possible) < 2:
        return possible[0] if possible else None
    names = [readable(written) for written in possible]
    if "%Y" in names[0]:
        warnings.warn(
            f"{where}: its dates fit {names[0]} and {names[1]}, and {names[0]} is taken; declare "
            "the format in the spec if it is the other",
            stacklevel=4,
        )
        return possible[0]
    warnings.warn(
        f"{where}: its text looks like dates in one of the formats {', '.join(names)}, but is "
        f"taken for text; declare {{kind: datetime, format: '{names[0]}'}} in the spec",
        stacklevel=4,
    )
    return None


def possible_formats(values: pd.Series) -> list[str]:
    """Return the formats in which all texts of a column are dates, if they mean other days.

    Text of times of day or of durations has one format.
    """
    texts = _distinct(values)
    if texts is None:
        return []
    if (clock := clock_format(texts)) is not None:
        return [clock]
    sample = texts.head(_SPELLED)
    for dates in (_DATES, _SHORT_YEARS):
        fits: dict[str, pd.Series] = {}
        for written in dict.fromkeys(_candidates(sample, dates)):
            days = _days(texts, written)
            if days is not None and not any(days.equals(known) for known in fits.values()):
                fits[written] = days
        if fits:
            return list(fits) if "%Y" in next(iter(fits)) or len(texts) >= _FEWEST_DAYS else []
    return []


def iso_format(texts: pd.Series, moments: pd.Series) -> str | None:
    """Find the format of text in ISO 8601, such as ``%Y-%m-%dT%H:%M:%SZ``.

    Args:
        texts: The text, and missing values.
        moments: Its moments.

    Returns:
        The format that gives the texts again, or most of them and all moments; None if none does.
    """
    known = texts.notna()
    sample = pd.DataFrame({"text": texts[known].astype(object), "moment": moments[known]})
    sample = sample.drop_duplicates("text").head(_SPELLED).reset_index(drop=True)
    best: tuple[float, str] | None = None
    for written in dict.fromkeys(_candidates(sample["text"], _ISO)):
        again = spelled(sample["moment"], written)
        share = float((again == sample["text"]).mean())
        if share < 1 - _MOST_ODD:
            same = parsed(again, written, strict=False) == sample["moment"]
            if float(same.mean()) < 1 - _MOST_ODD:
                continue
        if best is None or share > best[0]:
            best = share, written
    return None if best is None else best[1]


def candidate_formats(sample: pd.Series) -> Iterator[str]:
    """Yield the formats that the most frequent shapes of some different texts suggest."""
    yield from dict.fromkeys(_candidates(sample, _DATES + _SHORT_YEARS))


def look_like_days(values: pd.Series) -> bool:
    """Return True for numbers that are all days from 1900 to 2100, such as 20240305.

    A time may follow, as in 20240305123000.
    """
    whole = _integers(values)
    if whole is None or not len(whole):
        return False
    for written, factor in _DIGITS:
        if ((whole >= 1900_01_01 * factor) & (whole < 2101_01_01 * factor)).all():
            distinct = np.unique(whole)
            return len(distinct) >= _FEWEST_DAYS and bool(_are_days(distinct, written).all())
    return False


def format_hint(values: pd.Series) -> str | None:
    """Return the format of numbers that look like moments, None for other values.

    The numbers count from 1970, or nearly all of them are digits such as 20240305.
    """
    whole = _integers(values)
    if whole is None or len(np.unique(whole)) < _FEWEST_DAYS:
        return None
    for name, per_second in zip(UNIX_UNITS, (1, 10**3, 10**6, 10**9), strict=True):
        low, high = (end * per_second for end in _UNIX_SPAN)
        spans_a_day = int(whole.max()) - int(whole.min()) >= _DAY_SECONDS * per_second
        if low <= whole.min() and whole.max() <= high and spans_a_day:
            return name
    for written, factor in _DIGITS:
        inside = (whole >= 1900_01_01 * factor) & (whole < 2101_01_01 * factor)
        if inside.mean() >= 0.9 and _are_days(whole[inside], written).mean() > 0.95:
            return written
    return None


def _are_days(whole: Integers, written: str) -> Mask:
    days = pd.to_datetime(pd.Series(whole.astype(str)), format=written, errors="coerce")
    mask: Mask = days.notna().to_numpy()
    return mask


def _integers(values: pd.Series) -> Integers | None:
    """Return the present values as int64, None if one is no whole number below 2**62."""
    types, dtype = pd.api.types, values.dtype
    if not types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        return None
    if types.is_complex_dtype(dtype):
        return None
    present = values.dropna()
    numbers = present.to_numpy(np.float64)
    if len(numbers) == 0 or not (np.abs(numbers) < 2.0**62).all():
        return None
    if types.is_integer_dtype(dtype):
        return present.to_numpy(np.int64)
    return None if (np.rint(numbers) != numbers).any() else numbers.astype(np.int64)


def _distinct(values: pd.Series) -> pd.Series | None:
    """Return the distinct texts of a column, None if it does not hold text alone."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return None
    if pd.api.types.infer_dtype(values, skipna=True) != "string":
        return None
    return pd.Series(values.dropna().unique()).astype(object)


def _days(texts: pd.Series, written: str) -> pd.Series | None:
    """Return the moments of texts in a format, None if one is not in it."""
    try:
        moments = parsed(texts, written)
    except (ValueError, TypeError, OverflowError):
        return None
    if written.startswith("%Y%m%d"):
        # Other digits are days by chance.
        years = moments.dt.year
        if len(texts) < _FEWEST_DAYS or not years.between(1900, 2100).all():
            return None
    return moments


def _candidates(
    sample: pd.Series, dates: "tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]"
) -> Iterator[str]:
    """Yield formats that the most frequent shapes of text suggest."""
    shapes = sample.str.replace(r"\d", "0", regex=True)
    for shape in shapes.value_counts().index[:_SHAPES]:
        text = sample[(shapes == shape).to_numpy()].iloc[0]
        for pattern, formats in dates:
            found = pattern.match(text)
            time = None if found is None else _time_format(text[found.end() :], sample)
            if time is not None:
                heads = [head[0] for head in map(pattern.match, sample) if head]
                yield from (_as_padded(date, heads) + time for date in formats)


def _as_padded(written: str, dates: list[str]) -> str:
    """Return a format of dates with the padding and the letters that they have."""
    zeros = any(re.search(r"(?:^|\D)0\d(?:\D|$)", text) for text in dates)
    single = any(re.search(r"(?:^|\D)\d(?:\D|$)", text) for text in dates)
    if single and not zeros and not written.startswith("%Y%m%d"):
        written = re.sub("%([dm])", r"%-\1", written)
    if "%b" in written.lower() and all(text.isupper() for text in dates):
        written = re.sub("%([bB])", r"%^\1", written)
    return written


def _time_format(rest: str, sample: pd.Series) -> str | None:
    """Return the format of the text after a date, None if it is no time."""
    if not rest:
        return ""
    found = _TIME.fullmatch(rest)
    if found is None:
        return None
    hour = "%I" if found["half"] else "%H"
    single, padded = (
        sample.str.contains(rf"(?:[T ]|[a-zA-Z]\d{{4}}:){zero}\d:").any() for zero in ("", "0")
    )
    if single and not padded:
        hour = hour.replace("%", "%-")
    written = f"{found['between']}{hour}:%M" + (":%S" if found["second"] else "")
    if found["fraction"]:
        longest = int(sample.str.extract(r":\d{2}\.(\d+)")[0].str.len().max())
        written += ".%f" if longest == 6 else f".%{longest}f"
    if half := found["half"]:
        written += f"{' ' * half.startswith(' ')}%{'p' if half.isupper() else 'P'}"
    zone = found["zone"] or ""
    if zone in ("", "Z", " UTC", " GMT"):
        return written + zone
    plain = zone.strip()
    directive = "%:z" if ":" in plain else "%:::z" if len(plain) == 3 else "%z"
    return written + " " * zone.startswith(" ") + directive
