"""Publish how the procedure is kept this week."""

from prefect.artifacts import create_markdown_artifact

from cme import clock
from cme.steps import compliance
from cme.tasks.fate import office, step


@step("publish compliance with the procedure")
def publish_week() -> None:
    """The week to date, step by step: counts and per cent on time, as an opaque Markdown artifact."""
    with office().transaction() as session:
        markdown = compliance.week_to_date(office(), session, clock.now())
    create_markdown_artifact(key="compliance", markdown=markdown, description="This week against the school's procedure, step by step")
