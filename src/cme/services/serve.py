"""``cme up``: the system of one school, until Ctrl-C."""

import os

from rich.console import Console

from cme.config.settings import load_settings
from cme.services.house_file import announce
from cme.services.prefect_api import PrefectApi
from cme.services.processes import stop_on_signals
from cme.services.runner import runner
from cme.services.up import House
from cme.steps.office import require_complete


def run(out: Console) -> None:
    """Start the house and keep it in order. Raises ConfigFaults, before anything is started, with all that is missing."""
    settings = load_settings()
    require_complete(settings)
    if "ui_url" in settings.model_fields_set:
        os.environ["CME_UI_URL"] = settings.ui_url   # also where it stands in .env: the mails link to it
    with stop_on_signals():
        house = House(settings.data_dir, settings.database_url, settings.prefect_database_url, settings.ui_port,
                      progress=lambda step: out.print(f"{step} ..."))
        try:
            with house:
                house.start()
                house.add(runner(PrefectApi(house.api_url), house.data_dir))
                with announce(house.environment | {name: value for name, value in os.environ.items() if name.startswith("CME_")}
                              | {"CME_DATABASE_URL": house.environment["CME_DATABASE_URL"]}):
                    out.print(f"[green]Running.[/] Prefect UI: {house.ui_url}. Ctrl-C stops it.")
                    house.wait()
        except KeyboardInterrupt:
            out.print("Stopped.")
