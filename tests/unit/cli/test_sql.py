"""Tests that `hkplates sql` hands psql the address that SQLAlchemy understands, in silence."""

import traceback

import pytest

from cli.sightings import sql as psql
from hkplates.errors import SettingInvalid


@pytest.mark.parametrize(
    ("url", "variables"),
    [
        pytest.param(
            "postgresql://u:p%40%2Fss@db:5433/plates?sslmode=require",
            {
                "PGHOST": "db",
                "PGPORT": "5433",
                "PGUSER": "u",
                "PGPASSWORD": "p@/ss",
                "PGDATABASE": "plates",
                "PGSSLMODE": "require",
            },
            id="quoted",
        ),
        pytest.param(
            "postgresql+psycopg://u@/plates?host=/run/pg",
            {"PGHOST": "/run/pg", "PGUSER": "u", "PGDATABASE": "plates"},
            id="socket",
        ),
        pytest.param(
            # SQLAlchemy takes this password as it is; libpq would not.
            "postgres://u:p%ss@db/plates",
            {"PGHOST": "db", "PGUSER": "u", "PGPASSWORD": "p%ss", "PGDATABASE": "plates"},
            id="a lone percent sign",
        ),
        pytest.param(
            "postgresql://u@/plates?host=one:1&host=two:2",
            {"PGHOST": "one,two", "PGPORT": "1,2", "PGUSER": "u", "PGDATABASE": "plates"},
            id="two hosts",
        ),
    ],
)
def test_psql_is_given_the_address_that_the_program_uses(
    url: str, variables: dict[str, str]
) -> None:
    assert psql._environment(url) == variables


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:s3cret@db/x",
        "postgresql://u:s3cret@db:port/x",
        "postgresql://u:1@s3cret@db/x",
        "postgresql://u:s3cret@db/x?no_such_option=1",
        "host=db password=s3cret",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        psql._environment(url)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
