"""Third parties in what people typed: other children, contact details, staff. Pure: the words that may not stand are given.

What a machine can find it replaces, and counts. It cannot know that "his cousin down the road" is somebody: a person reads what leaves.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

CHILD, DETAIL, PERSON = "[another child]", "[contact detail]", "[another person]"
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_TELEPHONE = re.compile(r"(?<![\w/-])(?:\+\d{1,3}[ ()-]{0,2}|\(?0)\d(?:[ ()-]{0,2}\d){7,11}(?![\w-])")
_WORD = re.compile(r"[^\W_]+")
_BETWEEN = frozenset(" \t\r\n\u00a0,.-'\u2019\u2010\u2011")
_REFERENCE = re.compile(r"\b(?:CME-\d{4}-\d{4,}|P-\d{1,9})\b")


@dataclass(frozen=True)
class Redaction:
    """``words``: what may not stand, each with what stands instead; whole words, however capitals are written. ``forenames``: those of
    classmates and of children of the same home, of three letters or more; those of one word are found only with a capital. ``allowed``: addresses and telephone numbers that may stay.
    ``own``: the references of the child itself. ``counts`` says how often what was replaced."""

    words: Mapping[str, str] = field(default_factory=dict)
    forenames: Collection[str] = ()
    allowed: Collection[str] = ()
    own: Collection[str] = ()
    counts: Counter[str] = field(default_factory=Counter)

    @cached_property
    def _starts(self) -> dict[str, list[tuple[tuple[str, ...], str]]]:
        found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for word, instead in self.words.items():
            if parts := parts_of(word):
                found.setdefault(parts[0], []).append((parts, instead))
        for name in self.forenames:
            if len(name) > 2 and (parts := parts_of(name)):
                found.setdefault(parts[0], []).append((parts, CHILD))
        for each in found.values():
            each.sort(key=lambda one: -len(one[0]))
        return found

    @cached_property
    def _capital(self) -> set[tuple[str, ...]]:
        return {(name.casefold(),) for name in self.forenames}

    @cached_property
    def _allowed(self) -> set[str]:
        return {_digits(each) for each in self.allowed}

    @cached_property
    def _own(self) -> set[str]:
        return set(self.own)

    def text(self, said: str) -> str:
        """``said`` without third parties."""
        for details in (_ADDRESS, _TELEPHONE):
            said = details.sub(lambda found: found[0] if _digits(found[0]) in self._allowed else self._count(DETAIL), said)
        said = _REFERENCE.sub(lambda found: found[0] if found[0] in self._own else self._count(CHILD), said)
        return self._names(said) if self._starts else said

    def _names(self, said: str) -> str:
        """Looks at each word once, however many names there are: a school has thousands."""
        words = [(found.start(), found.end(), found[0]) for found in _WORD.finditer(said)]
        made, done, at = [], 0, 0
        while at < len(words):
            begin, _, word = words[at]
            for parts, instead in self._starts.get(word.casefold(), ()):
                if self._is(said, words[at:at + len(parts)], parts) and (parts not in self._capital or word[:1].isupper()):
                    made += [said[done:begin], self._count(instead)]
                    at, done = at + len(parts) - 1, words[at + len(parts) - 1][1]
                    break
            at += 1
        return "".join([*made, said[done:]])

    @staticmethod
    def _is(said: str, words: list[tuple[int, int, str]], parts: tuple[str, ...]) -> bool:
        """Whether ``words`` are the name ``parts``, with nothing but spaces, a comma, a point or a dash between them."""
        return tuple(word.casefold() for _, _, word in words) == parts and all(
            set(said[one[1]:other[0]]) <= _BETWEEN for one, other in zip(words, words[1:], strict=False))

    def all(self, value: Any) -> Any:
        """The same of every text in lists and dicts, keys left as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.all(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.all(each) for each in value]
        return value

    def _count(self, instead: str) -> str:
        self.counts[instead] += 1
        return instead


def parts_of(name: str) -> tuple[str, ...]:
    """The words of a name in small letters: "Mary-Jane" has two."""
    return tuple(part.casefold() for part in _WORD.findall(name))


def _digits(said: str) -> str:
    """A telephone number by its digits, however it is spaced; an address in small letters."""
    if "@" in said:
        return said.casefold()
    digits = re.sub(r"\D", "", said)
    return "0" + digits[2:] if digits.startswith("44") else digits
