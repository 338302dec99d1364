"""What the tests of the rules share: the rule book of the files that came with the software."""

import pytest

from cme.config import policies
from cme.rules.book import RuleBook


@pytest.fixture(scope="session")
def book() -> RuleBook:
    return policies.load().rule_book()
