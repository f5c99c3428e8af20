"""Settings come from the environment, typed, and a wrong one is named."""

from pathlib import Path

import pytest

from hkplates.errors import SettingInvalid
from hkplates.settings import Settings, read_settings


def test_defaults_need_no_environment() -> None:
    settings = read_settings()
    assert settings.database_url is None
    assert settings.broker_url is None
    assert settings.runtime == "litert"


def test_standard_variables_name_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:s3cret@h/d")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://:s3cret@h:6379/0")
    settings = read_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://u:s3cret@h/d"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize("name", ["DATABASE_URL", "CELERY_BROKER_URL", "HKPLATES_CHUNK_IMAGES"])
def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    assert read_settings() == Settings()
    settings = read_settings()
    assert settings.database_url is None
    assert settings.broker_url is None
    assert settings.chunk_images == 24


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HKPLATES_CHUNK_IMAGES", "many"),
        ("HKPLATES_CHUNK_IMAGES", "0"),
        ("HKPLATES_RUNTIME", "torch"),
        ("HKPLATES_DETECTOR_THRESHOLD", "1.7"),
        ("HKPLATES_CHUNK_IMAGES", "101"),
        ("HKPLATES_LEASE_SECONDS", "240"),
        ("HKPLATES_CHUNK_SECONDS", "900"),
        ("HKPLATES_MAX_PROCESS_MEMORY", "1000"),
        ("HKPLATES_PATIENCE_SECONDS", "-1"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingInvalid, match=name):
        read_settings()


@pytest.mark.parametrize("seconds", [1, 2, 7, 180, 400])
def test_limits_of_time_follow_one_another_with_room_between(seconds: int) -> None:
    settings = Settings(chunk_seconds=seconds)
    assert seconds + 6 <= settings.hard_seconds <= settings.visibility_seconds - 6
    assert settings.visibility_seconds < settings.lease_seconds


def test_a_lease_that_ends_while_a_message_may_be_at_work_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HKPLATES_CHUNK_SECONDS", "10")
    monkeypatch.setenv("HKPLATES_LEASE_SECONDS", "31")
    assert read_settings().lease_seconds == 31
    monkeypatch.setenv("HKPLATES_LEASE_SECONDS", "30")
    with pytest.raises(SettingInvalid, match=r"expected more than 30.*CHUNK_SECONDS is 10"):
        read_settings()


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    documented = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"HKPLATES_{name.upper()}")
        assert variable in documented


def test_the_data_folder_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().data_folder == tmp_path / ".hkplates"
