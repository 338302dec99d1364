"""What the tests of the configuration share: a copy of the shipped files, and a way to spoil it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cme.config import policies
from cme.config.policies import ConfigFaults, load

Edit = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped files."""
    for file in policies.FOLDER.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    shutil.copytree(policies.FOLDER / "authorities", tmp_path / "authorities")
    return tmp_path


@pytest.fixture
def faults(folder: Path) -> Edit:
    """Replace text in a file of the copy, load it, and give the faults."""
    def change(file: str, old: str, new: str, count: int = 1) -> list[str]:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text, f"{file} does not hold {old!r}"
        (folder / file).write_text(text.replace(old, new, count), encoding="utf-8")
        with pytest.raises(ConfigFaults) as refused:
            load(folder)
        assert all(fault in str(refused.value) for fault in refused.value.faults)
        return refused.value.faults
    return change
