"""``cme up``: the system of one school, until Ctrl-C."""

import os

from rich.console import Console

from cme.config.settings import Settings, load_settings
from cme.config.sign_in import door_warnings
from cme.door.sign_in import USER, credentials
from cme.services.house_file import announce
from cme.services.metrics import metrics
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
    for warning in door_warnings(settings):
        out.print(f"[yellow]Not safe for real children:[/] {warning}")
    opens = credentials(settings.password())
    with stop_on_signals():
        house = House(settings.data_dir, settings.database_url, settings.prefect_database_url, settings.ui_port,
                      progress=lambda step: out.print(f"{step} ..."), host=str(settings.ui_host), credentials=opens,
                      user_header=settings.proxy_user_header, owner_url=settings.owner_url(),
                      fixed_port="ui_url" in settings.model_fields_set or bool(settings.proxy_user_header))
        try:
            with house:
                house.start()
                house.add(runner(PrefectApi(house.api_url, opens), house.data_dir))
                if settings.metrics_port:
                    house.add(metrics(settings.metrics_port))
                with announce(house.environment | {name: value for name, value in os.environ.items() if name.startswith("CME_")}
                              | {"CME_DATABASE_URL": house.environment["CME_DATABASE_URL"]}):
                    out.print(f"[green]Running.[/] Prefect UI: {house.environment['CME_UI_URL']}. {_sign_in(settings)} Ctrl-C stops it.")
                    house.wait()
        except KeyboardInterrupt:
            out.print("Stopped.")


def _sign_in(settings: Settings) -> str:
    """How people come in. Never the password itself: what is printed ends in logs."""
    where = "of CME_UI_PASSWORD" if settings.ui_password else f"in {settings.ui_password_file} (readable by this user only)"
    if settings.proxy_user_header:
        return f"People sign in at the reverse proxy, which sends {USER} and the password {where}."
    return f"Sign in with {USER}:PASSWORD, with the password {where}."
