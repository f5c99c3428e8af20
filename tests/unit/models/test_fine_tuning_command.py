"""Fine-tuning says what it needs, and what was stopped amid a copy is copied anew."""

import importlib.util
import shutil

import pytest

from models.fine_tuning.__main__ import Plan, fine_tune, main
from models.fine_tuning.data import Prepared


def test_training_without_tensorflow_says_what_to_install(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorflow" else found(name)
    )
    with pytest.raises(SystemExit, match=r"\(tensorflow\): use make fine-tune, or pip install"):
        main([str(tmp_path)])


def test_an_empty_name_of_the_data_is_refused(capsys):
    with pytest.raises(SystemExit):
        main([""])
    assert "the name is empty" in capsys.readouterr().err


def test_a_bundle_whose_copy_was_stopped_is_copied_whole(tmp_path, monkeypatch):
    shipped = tmp_path / "shipped"
    for name in ("detector", "reader"):
        (shipped / name / "bundle").mkdir(parents=True)
        (shipped / name / "bundle" / "config.json").write_text('{"files": {}}')
        (shipped / name / "bundle" / "weights").write_text("all of them")
    plan = Plan(tmp_path / "out", shipped, has_base=False, minutes=1, configs={})
    data = Prepared(tmp_path, tmp_path, 0, 0, 0, 0)
    copy = shutil.copy2

    def stopped(source, target, **options):
        if str(source).endswith("weights"):
            raise KeyboardInterrupt
        return copy(source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil.copytree, "__defaults__", (False, None, stopped, False, False))
        with pytest.raises(KeyboardInterrupt):
            fine_tune(plan, data, [])
    assert not plan.bundle("detector").exists()
    fine_tune(plan, data, [])
    for name in ("detector", "reader"):
        assert (plan.bundle(name) / "weights").read_text() == "all of them"
        assert [path.name for path in plan.bundle(name).parent.iterdir()] == ["bundle"]
