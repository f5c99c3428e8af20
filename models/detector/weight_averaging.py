"""Average the weights of two bundles of one line of training, as if a training had ended there.

    python -m models.detector.weight_averaging OLD NEW --out FOLDER [--share S]

A training that went on for new kinds of plates forgets some of the old ones; between its weights
and those it began with lie some that know both. FOLDER is then exported, or its bundle begun with.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from hkplates.recognition.bundles.bundle import open_bundle


def average_bundles(old: Path, new: Path, share: float, out: Path) -> None:
    """Writes to `out` what `export` reads: `share` of the new weights, the rest of the old ones."""
    from models.detector.network import build_network
    from models.detector.warm_start import load_bundle

    networks = [build_network() for _ in range(3)]
    for network, bundle in zip(networks, (old, new), strict=False):
        load_bundle(network, bundle)
    pairs = zip(networks[0].get_weights(), networks[1].get_weights(), strict=True)
    networks[2].set_weights([(1 - share) * a + share * b for a, b in pairs])
    out.mkdir(parents=True, exist_ok=True)
    networks[2].save_weights(out / "averaged.weights.h5")
    before = {"share": share, "of": _training(new), "with": _training(old)}
    state = {"step": 0, "spent": 0.0, "before": before}
    (out / "state.json").write_text(json.dumps(state), encoding="utf-8")


def _training(bundle: Path) -> object:
    return open_bundle(bundle).config["training"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line and averages."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("old", type=Path)
    cli.add_argument("new", type=Path)
    cli.add_argument("--share", type=float, default=0.75, help="of the new weights, 0 to 1")
    cli.add_argument("--out", type=Path, required=True)
    options = cli.parse_args(arguments)
    if not 0 <= options.share <= 1:
        cli.error(f"expected --share from 0 to 1, got {options.share}")
    average_bundles(options.old, options.new, options.share, options.out)
    print(f"{options.out}: now `python -m models.detector.export --out {options.out} ...`")


if __name__ == "__main__":
    main()
