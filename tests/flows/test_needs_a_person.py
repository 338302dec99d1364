"""On a real Prefect server: while something needs a person the dashboard is red, and the sweep itself stays green."""

from tests.flows.conftest import RunningHouse

from cme.records.alarms import clear_alarm, raise_alarm
from cme.services.demo import PEOPLE
from cme.services.prefect_api import wait_for

FLOW = "needs-a-person"


def artifact(house: RunningHouse) -> str:
    return str(house.api.client.get(f"/artifacts/{FLOW}/latest").json()["data"])


def test_a_call_of_operations_is_a_mail_a_failed_run_and_a_red_artifact(house: RunningHouse) -> None:
    house.sweep()
    assert artifact(house).startswith("# Nothing needs a person now") and house.api.run_ids(FLOW) == []
    with house.office.transaction() as session:
        raise_alarm(session, "report:99", "school", "Report 99 names no known child", house.office.stamp())
        raise_alarm(session, "pull:a", "school", "The register source 'a' cannot be read", house.office.stamp())
    house.sweep()                                       # it ends COMPLETED, or this waits in vain
    [run] = wait_for(lambda: house.api.run_ids(FLOW), 60, "the run that fails")
    assert house.api.finish(run) == "FAILED"
    said = house.api.client.get(f"/flow_runs/{run}").json()["state"]["message"]
    assert "Report 99 names no known child" in said and "'a' cannot be read" in said
    text = artifact(house)
    assert text.startswith("# NEEDS A PERSON NOW") and "**called 1 x**" in text
    [mail] = wait_for(lambda: house.post.to(PEOPLE["operations"]["email"]), 60, "the mail to operations")
    assert "The register source 'a' cannot be read" in " ".join(mail.split())


def test_the_same_call_is_shown_once_and_ends_with_its_alarm(house: RunningHouse) -> None:
    house.sweep()
    assert len(house.api.run_ids(FLOW)) == 1
    with house.office.transaction() as session:
        for key in ("report:99", "pull:a"):
            clear_alarm(session, key, house.office.stamp("operations"), "seen to")
    house.sweep()
    assert artifact(house).startswith("# Nothing needs a person now") and len(house.api.run_ids(FLOW)) == 1
