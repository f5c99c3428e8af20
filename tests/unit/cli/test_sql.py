"""Tests that `hkplates sql` hands psql the address that SQLAlchemy understands, in silence."""

import traceback
from pathlib import Path

import pytest
from psycopg.pq import Conninfo

from cli.sightings import sql as psql
from hkplates.errors import SettingInvalid


@pytest.mark.parametrize(
    ("url", "variables", "conninfo"),
    [
        pytest.param(
            "postgresql://u:p%40%2Fss@db:5433/plates?sslmode=require",
            {
                "PGHOST": "db",
                "PGPORT": "5433",
                "PGUSER": "u",
                "PGPASSWORD": "p@/ss",
                "PGDATABASE": "plates",
            },
            "sslmode=require",
            id="quoted",
        ),
        pytest.param(
            "postgresql+psycopg://u@/plates?host=/run/pg",
            {"PGHOST": "/run/pg", "PGUSER": "u", "PGDATABASE": "plates"},
            "",
            id="socket",
        ),
        pytest.param(
            # SQLAlchemy takes this password as it is; libpq would not.
            "postgres://u:p%ss@db/plates",
            {"PGHOST": "db", "PGUSER": "u", "PGPASSWORD": "p%ss", "PGDATABASE": "plates"},
            "",
            id="a lone percent sign",
        ),
        pytest.param(
            "postgresql://u@/plates?host=one:1&host=two:2",
            {"PGHOST": "one,two", "PGPORT": "1,2", "PGUSER": "u", "PGDATABASE": "plates"},
            "",
            id="two hosts",
        ),
    ],
)
def test_psql_is_given_the_address_that_the_program_uses(
    url: str, variables: dict[str, str], conninfo: str
) -> None:
    with psql._connection(url) as (arguments, environment):
        assert (arguments[1:], environment) == ([conninfo] if conninfo else [], variables)


KEYWORDS = {one.keyword.decode(): one.dispchar for one in Conninfo.get_defaults()}


@pytest.mark.parametrize("keyword", sorted(KEYWORDS.keys() - {"service"}))
def test_each_keyword_of_libpq_reaches_psql_and_a_secret_is_no_argument(
    monkeypatch: pytest.MonkeyPatch, keyword: str
) -> None:
    monkeypatch.delenv("PGSERVICE", raising=False)
    with psql._connection(f"postgresql:///?{keyword}=5433") as (arguments, environment):
        file = environment.get("PGSERVICEFILE")
        hidden = Path(file).read_text() if file else ""
        places = [" ".join(arguments), "\n".join(environment.values()), hidden]
    assert ["5433" in place for place in places].count(True) == 1
    assert KEYWORDS[keyword] == b"" or "5433" not in places[0]
    assert file is None or not Path(file).exists()


def test_a_psql_too_old_for_a_parameter_refuses_it() -> None:
    # It ignores variables that it does not know, and refuses such keywords.
    with psql._connection("postgresql://db/x?require_auth=scram-sha-256") as (arguments, _):
        assert arguments == ["--dbname", "require_auth=scram-sha-256"]


def test_a_file_of_secrets_is_for_this_user_alone() -> None:
    with psql._connection("postgresql://db/x?sslpassword=s3cret") as (arguments, environment):
        file = Path(environment["PGSERVICEFILE"])
        assert file.read_text() == "[hkplates]\nsslpassword=s3cret\n"
        assert file.parent.stat().st_mode & 0o077 == 0
    assert arguments == []


@pytest.mark.parametrize("url", ["?sslpassword=s3cret&service=mine", "?sslpassword=s3cret%20"])
def test_a_secret_that_cannot_be_handed_over_is_refused_and_not_lost(url: str) -> None:
    with pytest.raises(SettingInvalid) as caught, psql._connection(f"postgresql://db/x{url}"):
        pass
    assert "sslpassword" in str(caught.value)
    assert "s3cret" not in str(caught.value)


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
    with pytest.raises(SettingInvalid) as caught, psql._connection(url):
        pass
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
