"""The school's source of registers as its settings name it."""

from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from cme.config.policies import ConfigFaults
from cme.config.register_api import api_faults
from cme.errors import BadInput
from cme.records.cursors import cursor_of
from cme.sources.arbor import ArborSource
from cme.sources.bromcom import BromcomSource
from cme.sources.column_map import ColumnMap, read_maps
from cme.sources.files import CsvFile, CsvFolder
from cme.sources.source import Source, TimeSemantics
from cme.sources.sql import SqlSource
from cme.sources.systems import known_system
from cme.sources.wonde import WondeSource
from cme.steps.office import Office


def source_of(office: Office, *, afresh: bool = False) -> Source:
    """The school's source of registers as configured; raises ConfigFaults when none is. ``afresh``: not from where the last pull ended."""
    s = office.settings
    times = TimeSemantics(s.registers_times)
    if s.registers_folder:
        return CsvFolder(s.registers_folder, name="csv folder", calendar=office.policies.calendar, time_semantics=times,
                         maps=_maps(s.registers_columns))
    if s.registers_file:
        return CsvFile(s.registers_file, name="csv file", time_semantics=times, maps=_maps(s.registers_columns))
    if s.registers_url and s.registers_system:
        return known_system(s.registers_system).source(s.registers_url.get_secret_value(), ZoneInfo(s.registers_zone), times=times)
    if s.registers_url and s.registers_queries:
        return SqlSource(s.registers_url.get_secret_value(), _queries(s.registers_queries), name="sql", time_semantics=times,
                         zone=ZoneInfo(s.registers_zone))
    if s.registers_api:
        return _api(office, afresh)
    raise ConfigFaults(["CME_REGISTERS_FOLDER: no source of registers; set it to the folder of exports, or set "
                        "CME_REGISTERS_URL and CME_REGISTERS_QUERIES, or CME_REGISTERS_API"])


def _api(office: Office, afresh: bool) -> Source:
    """The vendor's interface, which goes on where its last pull ended unless it is to be read ``afresh``."""
    s = office.settings
    if faults := api_faults(s):
        raise ConfigFaults(faults)
    with office.transaction() as session:
        cursor = {} if afresh else cursor_of(session, office.school, s.registers_api)
    if s.registers_api == "arbor":
        return ArborSource(s.registers_api_url, s.registers_api_user, s.registers_secret, zone=ZoneInfo(s.registers_zone),
                           cursor=cursor)
    if s.registers_api == "wonde":
        return WondeSource(s.registers_api_url, s.registers_api_school, s.registers_secret, cursor=cursor)
    return BromcomSource(s.registers_api_url, s.registers_api_school, s.registers_api_user, s.registers_secret)


def _maps(path: Path | None) -> dict[str, ColumnMap]:
    if path is None:
        return {}
    try:
        return read_maps(path.read_text(encoding="utf-8"), f"CME_REGISTERS_COLUMNS: {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFaults([f"CME_REGISTERS_COLUMNS: {path}: cannot be read ({type(error).__name__}); mend the file"]) from error
    except BadInput as error:
        raise ConfigFaults([str(error)]) from error


def _queries(path: Path) -> dict[str, str]:
    try:
        queries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigFaults([f"CME_REGISTERS_QUERIES: {path}: cannot be read ({type(error).__name__}); mend the file"]) from error
    if not isinstance(queries, dict) or not all(isinstance(v, str) for v in queries.values()):
        raise ConfigFaults([f"CME_REGISTERS_QUERIES: {path}: must map names (registers, expected, pupils, contacts, staff) to SQL text"])
    return queries
