"""Reads a configuration file against its shape, and says every fault as "file: key: what is wrong; what to do"."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from cme.config.shapes import Shape

S = TypeVar("S", bound=Shape)


class _Loader(yaml.CSafeLoader):
    """YAML without its two traps: a key read as True (``on``, ``yes``) and a key given twice are refused."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if isinstance(key, bool):
            raise yaml.constructor.ConstructorError(
                None, None, f"line {line}: the key {key_node.value} reads as {key}, not as text; give it another name or quote it"
            )
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, f"line {line}: the key {key_node.value} is not text; put it in quotes"
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"line {line}: the key {key} is given twice; remove one")
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(path: Path, shape: type[S], faults: list[str], shown: str) -> S | None:
    """The file as its shape, or None with at least one sentence added to ``faults``. ``shown`` names the file in them."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # nosec B506 # _Loader is a SafeLoader
    except FileNotFoundError:
        faults.append(f"{shown}: the file is missing; restore it, or name another folder")
        return None
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{shown}: it cannot be read ({error}); it must be a UTF-8 text file that this user may read")
        return None
    except yaml.constructor.ConstructorError as error:
        faults.append(f"{shown}: {error.problem}")
        return None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        faults.append(f"{shown}: {where}this is not YAML ({getattr(error, 'problem', None) or 'unreadable'}); correct the line")
        return None
    if not isinstance(content, dict):
        faults.append(f"{shown}: the file holds no keys; compare it with the example that came with the software")
        return None
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        faults.extend(f"{shown}: {_place(content, e['loc'])}: {_sentence(e)}" for e in error.errors())
        return None


def _place(content: Any, path: tuple[int | str, ...]) -> str:
    """The key's path; in a list the entry's own code or name is said beside its number."""
    words: list[str] = []
    for step in path:
        if isinstance(step, int) and isinstance(content, list) and step < len(content):
            content = content[step]
            name = content.get("code") or content.get("name") if isinstance(content, dict) else None
            words.append(f"entry {step + 1} ({name})" if isinstance(name, str) else f"entry {step + 1}")
        else:
            content = content.get(step) if isinstance(content, dict) else None
            words.append(str(step))
    return ", ".join(words)


def _sentence(error: Any) -> str:
    kind, message = error["type"], error["msg"]
    if kind == "extra_forbidden":
        return "this key is not known; remove it or correct its spelling"
    if kind == "missing":
        return "this key is missing; add it"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind in ("bool_type", "bool_parsing"):
        return "must be yes or no; write one of them without quotes"
    if kind == "int_type":
        return "must be a whole number; write it without quotes"
    if kind == "string_type":
        return "must be text; put it in quotes"
    return f"{message[0].lower()}{message[1:]}; correct it"
