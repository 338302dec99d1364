"""What has changed between two dossiers, in fixed words, counts and dates: fit for Prefect's form, nothing that names a child."""

from collections.abc import Callable
from typing import Any

Dossier = dict[str, Any]


def changes(shown: Dossier, now: Dossier) -> list[str]:
    """One phrase for each difference that matters to a decision; empty where the facts are as they were shown."""
    # what a message would lack follows from the facts below, and from what the authority asks for, which is no fact about the child
    shown, now = _for_a_decision(shown), _for_a_decision(now)
    if shown == now:
        return []
    said = [phrase for tell in _TELL for phrase in tell(shown, now)]
    return said or ["details of the record were corrected"]


def _for_a_decision(dossier: Dossier) -> Dossier:
    """What a decision rests on: what people found out. That the ladder of contact has written once more, or that the child is absent in
    one more session, is shown and asks nobody anew; days that count are findings."""
    kept = {"replies": [], **{key: value for key, value in dossier.items() if key not in ("messages", "visits")}}
    return {**kept, "attempts": [a for a in dossier["attempts"] if a["outcome"] or a["channel"] not in ("text", "email", "held back", "not sent")],
            "absences": [a for a in dossier.get("absences", []) if a["reason"] or a["register_changed"]]}


def _absences(shown: Dossier, now: Dossier) -> list[str]:
    more = [a for key, a in _by(now["absences"], "reference").items() if key not in _by(shown["absences"], "reference")]
    said = {"a reason recorded": sum(bool(a["reason"]) for a in more), "the register corrected": sum(not a["reason"] for a in more)}
    return [f"{number} absence(s) with {what}" for what, number in said.items() if number]


def _findings(shown: Dossier, now: Dossier) -> list[str]:
    before, after = _by(shown["findings"], "rule", "reached_on"), _by(now["findings"], "rule", "reached_on")
    said = [f"a new finding: {_words(f['rule'])}, reached on {f['reached_on']}" for key, f in after.items() if key not in before]
    return said + [f"the finding of {f['reached_on']} ({_words(f['rule'])}) was retracted after a correction of the register"
                   for key, f in after.items() if f["retracted"] and not before.get(key, f)["retracted"]]


def _seen(shown: Dossier, now: Dossier) -> list[str]:
    if shown["last_attended"] == now["last_attended"]:
        return []
    return [f"the registers now show that the child last attended on {now['last_attended'] or 'no day'}, "
            f"not on {shown['last_attended'] or 'any day'}"]


def _contact(shown: Dossier, now: Dossier) -> list[str]:
    told = sum(bool(a["outcome"]) for a in now["attempts"]) - sum(bool(a["outcome"]) for a in shown["attempts"])
    more = len(now["attempts"]) - len(shown["attempts"])
    said = [f"{more} more attempt(s) to reach a parent or carer"] if more > 0 else []
    return said + ([f"{told} more outcome(s) of contact with a parent or carer"] if told > 0 else [])


def _actions(shown: Dossier, now: Dossier) -> list[str]:
    before = _by(shown["actions"], "id")
    new = [a for key, a in _by(now["actions"], "id").items() if key not in before]
    done = [a for key, a in _by(now["actions"], "id").items() if a["outcome"] and not before.get(key, a)["outcome"]]
    return [f"a new task: {a['kind'].lower()}" for a in new] + [f"a task was done: {a['kind'].lower()}" for a in done]


def _reports(shown: Dossier, now: Dossier) -> list[str]:
    more = len(now["reports"]) - len(shown["reports"])
    known = sum(bool(r["established"]) for r in now["reports"]) - sum(bool(r["established"]) for r in shown["reports"])
    said = [f"{more} more report(s) that the child is missing"] if more > 0 else []
    return said + (["the attendance officer has recorded what was established"] if known > 0 else [])


def _replies(shown: Dossier, now: Dossier) -> list[str]:
    before, after = _by(shown.get("replies", []), "number"), _by(now.get("replies", []), "number")
    more = len(after.keys() - before.keys())
    said = [f"{more} more repl{'y' if more == 1 else 'ies'} of a parent or carer"] if more else []
    seen_to = any(reply["outcome"] and not before.get(key, reply)["outcome"] for key, reply in after.items())
    return said + (["a person has seen to a reply of a parent or carer"] if seen_to else [])


def _lists(shown: Dossier, now: Dossier) -> list[str]:
    words = {"flags": "the flags of the child", "contacts": "the contacts held", "pupil": "the child's own details",
             "urgency": "the urgency", "decisions": "the decisions taken"}
    return [f"{phrase} changed" for key, phrase in words.items() if shown.get(key) != now.get(key)]


def _by(rows: list[dict[str, Any]], *names: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[name] for name in names): row for row in rows}


def _words(rule: str) -> str:
    return rule.replace("_", " ")


_TELL: tuple[Callable[[Dossier, Dossier], list[str]], ...] = (_findings, _seen, _contact, _replies, _absences, _actions, _reports, _lists)
