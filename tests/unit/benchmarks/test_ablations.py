"""Each variant is a set of bundles that opens, and differs from the shipped one as it says."""

import json

import pytest

from benchmarks.ablations import VARIANTS, build
from hkplates.settings import PROJECT

SHIPPED = PROJECT / "models"


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_variant_opens_and_is_another_model_than_the_shipped_one(variant, tmp_path):
    version = build(variant, SHIPPED, tmp_path).version

    changed = [
        name for name in ("detector", "reader") if config(tmp_path, name) != config(SHIPPED, name)
    ]
    assert len(changed) == (variant.name != "as shipped")
    assert version.detector


def config(models, name):
    return json.loads((models / name / "bundle" / "config.json").read_text(encoding="utf-8"))
