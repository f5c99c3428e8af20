"""A model version names the libraries whose arithmetic changes readings."""

import cv2
import pytest

from hkplates.errors import RuntimeMissing
from hkplates.recognition import model_version
from hkplates.recognition.bundles.releases import required_release
from hkplates.recognition.model_version import version_config


def test_opencv_is_recorded_by_major_and_minor_version() -> None:
    assert version_config("litert", None)["opencv"] == ".".join(cv2.__version__.split(".")[:2])


def test_an_opencv_of_another_package_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = version_config("litert", None)
    monkeypatch.setattr(model_version, "OPENCV_PACKAGES", ("no-such-opencv",))
    assert version_config("litert", None) == expected


def test_a_library_that_is_not_there_is_named() -> None:
    with pytest.raises(RuntimeMissing, match="no-such-package"):
        required_release("no_such_module", ("no-such-package",))
