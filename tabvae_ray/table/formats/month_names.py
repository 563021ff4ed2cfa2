"""Names of months and weekdays that the usual directives do not read, such as ``März``.

A format has them in brackets, as in ``%-d. [Januar|Februar|...] %Y``: twelve names of months, or
seven of weekdays, which begin with Monday.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import pandas as pd

__all__ = ["NAMES", "english", "find_names", "in_english", "in_small_letters", "named"]

# A part of a format.
_NAME = r"[^\[\]|]+"
NAMES = re.compile(rf"\[(?:{_NAME}\|){{6}}(?:(?:{_NAME}\|){{5}})?{_NAME}\]")

_ENGLISH = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# Months of a language, then its weekdays. Words may be cut to three letters or more, weekdays to
# two, and be without accents.
_LANGUAGES = (
    (
        "January February March April May June July August September October November December",
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    ),
    (
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    ),
    (
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
    ),
    (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "lunes martes miércoles jueves viernes sábado domingo",
    ),
    (
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
        "dicembre",
        "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    ),
    (
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
    ),
    (
        "januari februari maart april mei juni juli augustus september oktober november december",
        "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    ),
    (
        "januari februari mars april maj juni juli augusti september oktober november december",
        "måndag tisdag onsdag torsdag fredag lördag söndag",
    ),
    (
        "januar februar marts april maj juni juli august september oktober november december",
        "mandag tirsdag onsdag torsdag fredag lørdag søndag",
    ),
    (
        "januar februar mars april mai juni juli august september oktober november desember",
        "mandag tirsdag onsdag torsdag fredag lørdag søndag",
    ),
    (
        "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października "
        "listopada grudnia",
        "poniedziałek wtorek środa czwartek piątek sobota niedziela",
    ),
)
# Other short forms, with the number of the month.
_SHORT = {"mrz": 3, "mrt": 3, "gen": 1, "set": 9, "lug": 7, "giu": 6}
_WORD = re.compile(r"[^\W\d_]+(?:-feira)?\.?")
# Words between the parts of a date.
_BETWEEN = frozenset(("de", "del", "di", "t", "z", "am", "pm", "utc", "gmt"))
_FEWEST_LETTERS = 3


def in_small_letters(*, short: bool) -> str:
    """Return the part of a format with the English months in small letters.

    Args:
        short: Whether they are cut to three letters.
    """
    names = _ENGLISH if short else _LANGUAGES[0][0].split()
    return f"[{'|'.join(names).lower()}]"


def in_english(written: str) -> str:
    """Return a format that reads the texts of :func:`english`."""
    return NAMES.sub(lambda part: "%b" if part[0].count("|") > 6 else "", written)


def english(values: pd.Series, written: str) -> pd.Series:
    """Return text with English months in place of those in the brackets of a format."""
    changed = values.astype(object)
    for part in NAMES.findall(written):
        names = part[1:-1].split("|")
        new = _ENGLISH if len(names) == len(_ENGLISH) else [""] * len(names)
        of = {name.casefold(): text for name, text in zip(names, new, strict=True)}
        words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
        found = re.compile(rf"(?<![^\W\d_])(?:{words})(?![^\W\d_])", re.IGNORECASE)

        def put(word: re.Match[str], of: dict[str, str] = of) -> str:
            return of.get(word[0].casefold(), word[0])

        changed = changed.map(
            lambda text, found=found, put=put: found.sub(put, text, 1), na_action="ignore"
        )
    return changed


def named(naive: pd.Series, part: str) -> list[str]:
    """Write the month or the weekday of moments in the names of a part of a format."""
    names = part[1:-1].split("|")
    places = naive.dt.month - 1 if len(names) == len(_ENGLISH) else naive.dt.day_of_week
    return [names[place] for place in places.tolist()]


def find_names(texts: Iterable[str]) -> list[str]:
    """Return the parts of a format with the names that some dates have.

    The list is empty if the texts have other words, or no months.

    Args:
        texts: Different dates.

    Returns:
        The part of months, and that of weekdays if the dates have them.
    """
    counts = Counter[str]()
    for text in texts:
        words = [word for word in _WORD.findall(text) if word.casefold() not in _BETWEEN]
        # Most columns of text have other words.
        if words and not counts and not any(_places(words, *each) for each in _LANGUAGES):
            return []
        counts.update(words)
    for months, days in _LANGUAGES:
        places = _places(counts, months, days)
        if places is None:
            continue
        parts = [
            _part(names.split(), {w: i for w, (kind, i) in places.items() if kind == k}, counts)
            for k, names in enumerate((months, days))
        ]
        return [part for part in parts if part]
    return []


def _places(words: Iterable[str], months: str, days: str) -> dict[str, tuple[int, int]] | None:
    """Return of each word whether it is a month (0) or a weekday (1), and which.

    None if one is neither, or there is no month.
    """
    found: dict[str, tuple[int, int]] = {}
    for word in words:
        place = _place(word, months.split(), _FEWEST_LETTERS)
        kind = 0
        if place is None:
            place, kind = _place(word, days.split(), _FEWEST_LETTERS - 1), 1
        if place is None:
            return None
        found[word] = kind, place
    return found if any(kind == 0 for kind, _ in found.values()) else None


def _place(word: str, names: list[str], least: int) -> int | None:
    """Return which name a word is, or is the beginning of, None if it is none or several."""
    short = _plain(word.removesuffix("."))
    if len(short) < least:
        return None
    hits = [i for i, name in enumerate(names) if _plain(name).startswith(short)]
    if len(hits) == 1:
        return hits[0]
    if short in _SHORT and len(names) == len(_ENGLISH) and not hits:
        return _SHORT[short] - 1
    return None


def _part(names: list[str], places: dict[str, int], counts: "Counter[str]") -> str:
    """Return a part of a format with names as some words have them; empty without words."""
    if not places:
        return ""
    seen: dict[int, str] = {}
    for word in sorted(places, key=counts.__getitem__):
        seen[places[word]] = word
    usual = max(places, key=counts.__getitem__)
    are_short = all(len(word) < len(names[place]) or len(word) <= 4 for place, word in seen.items())
    made = []
    for i, name in enumerate(names):
        whole = name[: len(usual.removesuffix("."))] if are_short else name
        default = whole + "." * (usual.endswith(".") and whole != name)
        made.append(seen.get(i, _in_case_of(usual, default)))
    return f"[{'|'.join(made)}]"


def _in_case_of(word: str, name: str) -> str:
    if word.isupper():
        return name.upper()
    return name.capitalize() if word[0].isupper() else name.lower()


def _plain(text: str) -> str:
    """Return text in small letters and without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l").replace("ø", "o"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
