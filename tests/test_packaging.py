"""The wheel: everything the software reads at run time is in it, under one name."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        target = folder / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            target.write_bytes((ROOT / name).read_bytes())
    done = subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(folder / "tree")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    [built] = folder.glob("*.whl")
    return built


def test_nothing_called_config_tasks_or_flows_lands_beside_other_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert {name.split("/")[0] for name in archive.namelist() if ".dist-info" not in name} == {"cme"}


def test_the_wheel_holds_the_policies_letters_fonts_and_migrations_and_works_from_there(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    check = ("import cme.cli, cme.flows.timetable; from cme.config.policies import load; from cme.mail.render import letter;"
             "from pathlib import Path; import cme.mail, cme.records.migrations.versions as v, cme.sources;"
             "assert load().authority.name == 'Birmingham';"
             "from cme.door.case_page import notice; assert 'hello' in notice('hello');"
             "assert letter('parent_contact', school='S', telephone='0121 496 0101').subject;"
             "assert list((Path(cme.mail.__file__).parent / 'fonts').glob('*.ttf'));"
             "assert list(Path(v.__path__[0]).glob('0001*.py')); assert (Path(cme.sources.__file__).parent / 'examples/registers.csv').is_file();"
             "from cme.sources.systems import NAMES; assert len(NAMES) == 4;"
             "print(cme.mail.__file__)")
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.path += {sys.path!r}; {check}"],
                          capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PREFECT_LOGGING_LEVEL": "ERROR"})
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1].startswith(str(tmp_path))
